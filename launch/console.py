"""What commands print: progress, tables, and how to go on after an interruption."""

import shlex
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.table import Column, Table
from rich.text import Text

from sim2real.progress import NOTHING, Progress, Stages

console = Console()
INTERRUPTED = 130  # exit code, as shells have it
QUIET_SECONDS = 15.0  # between lines where there is no terminal to draw a bar on

interrupted = threading.Event()


def _figures(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.3g}" for name, value in list(metrics.items())[:5])


@contextmanager
def reporting(first: str = "") -> Iterator[Stages]:
    """Show a progress bar per stage: report = stage("name"); report(done, in all, figures).

    Args:
        first: a line to print when the first stage begins, by which time what was asked for has been accepted.
    """
    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console,
        disable=not console.is_terminal,
    )

    def stage(name: str) -> Progress:
        nonlocal first
        if first:
            say(first)
            first = ""
        row = bars.add_task(name, total=None, figures="")
        said = time.monotonic()

        def report(done: float, total: float, metrics: Mapping[str, float] = NOTHING, /) -> None:
            nonlocal said
            if interrupted.is_set():  # and yet still here: Arrow loses exceptions while it looks for modules
                raise KeyboardInterrupt
            bars.update(row, completed=done, total=total, figures=_figures(metrics))
            if not console.is_terminal and (time.monotonic() - said > QUIET_SECONDS or done == total):
                said = time.monotonic()
                print(f"{name}: {done}/{total}  {_figures(metrics)}", flush=True)

        return report

    with bars:
        yield stage


def say(line: str) -> None:
    """Print a line as it is: a path must be neither wrapped nor read as markup."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_rates(title: str, metrics: Mapping[str, Any]) -> None:
    """Print a table of an evaluation: rates with their intervals, and means."""
    say(title)
    table = Table("", "value", "95 % interval", "episodes")
    for name, value in metrics.items():
        if isinstance(value, Mapping) and "low" in value:
            interval = f"{100 * value['low']:.1f} … {100 * value['high']:.1f} %"
            table.add_row(name.replace("_", " "), f"{100 * value['value']:.1f} %", interval, str(value["count"]))
        elif isinstance(value, float):
            table.add_row(name.replace("_", " "), f"{value:.2f}", "", "")
    console.print(table)


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
    """Print rows of the same cells as a report's: text, numbers, estimates and rates; None for nothing."""
    from sim2real.reports.page import cell

    if title:
        say(title)
    table = Table(*(Column(Text(name)) for name in header))  # Text: "[s]" is no markup
    for row in rows:
        table.add_row(*(Text(cell(value)["full"]) for value in row))
    console.print(table)


_resumable = 0  # how deep


@contextmanager
def resumable(command: str, folder: Path | None = None) -> Iterator[None]:
    """When interrupted inside, name the command that goes on, and leave with exit code 130.

    Of several, one inside the other, the outermost speaks: it is what the user typed.

    Args:
        folder: of the run that the work inside starts: before it has begun, there is nothing to go on with.
    """
    global _resumable
    _resumable += 1
    try:
        yield
    except KeyboardInterrupt:
        if _resumable > 1 or (folder is not None and not (folder / "config.json").is_file()):
            raise
        say(f"\ninterrupted; what was done is saved. Go on with:\n  {command}")
        sys.exit(INTERRUPTED)
    finally:
        _resumable -= 1


def typed_command() -> str:
    """Return the command line as it was typed."""
    return shlex.join(["sim2real", *sys.argv[1:]])


def resume_command(folder: Path) -> str:
    """Return the command line that goes on with the run in this folder."""
    words = [word for word in sys.argv[1:] if word != "--resume"]
    if not any(word.split("=")[0] == "--out" for word in words):
        words += ["--out", str(folder)]
    return shlex.join(["sim2real", *words, "--resume"])
