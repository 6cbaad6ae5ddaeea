"""Tables on the terminal, of the same cells as a report's."""

from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from launch.console import console, say
from sim2real.reports.page import cell


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Rows of text, numbers, estimates and rates; None for nothing."""
    if title:
        say(title)
    table = Table(*(Column(Text(name)) for name in header))  # Text: "[s]" is no markup
    for row in rows:
        table.add_row(*(Text(cell(value)["full"]) for value in row))
    console.print(table)
