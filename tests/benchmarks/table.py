"""What the benchmarks print and save: a table that fits 80 columns, the same as Markdown, the figures as JSON."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from common import Result

INDENT = (0, 0, 0, 2)
TITLE = "Above 1, this project is the faster one"


def rate(value: float, unit: str) -> str:
    """A figure with its unit, or a dash for one that was not measured."""
    if math.isnan(value):
        return "-"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def ratio(result: Result) -> str:
    return "-" if math.isnan(result.ratio) else f"{result.ratio:.2f}"


def target(result: Result) -> str:
    return "" if result.target is None else f"≥ {result.target:g}"


def colour(result: Result) -> str:
    """Green where the target is reached, red where it is not, nothing where there is none."""
    if result.target is None or math.isnan(result.ratio):
        return ""
    return "green" if result.ratio >= result.target else "red"


def terminal_table(results: Sequence[Result]) -> Table:
    """A line for what was measured, one below it for what it is compared with; long texts wrap, figures never."""
    table = Table(title=TITLE, title_justify="left")
    table.add_column("benchmark", ratio=1, overflow="fold")
    for name in ("speed", "ratio", "target"):
        table.add_column(name, justify="right", no_wrap=True)
    for group, members in groupby(results, key=lambda result: result.group):
        table.add_section()
        table.add_row(Text(group, style="bold"))
        for r in members:
            table.add_row(Text(r.subject), rate(r.value, r.unit))
            table.add_row(Padding(r.rival, INDENT), rate(r.other, r.unit), Text(ratio(r), style=colour(r)), target(r))
            if r.remark:
                table.add_row(Padding(Text(r.remark, style="dim"), INDENT))
    return table


def markdown(results: Sequence[Result], facts: Mapping[str, object]) -> str:
    """The machine, then a row per comparison."""
    head = ("benchmark", "this project", "speed", "compared with", "speed", "ratio", "target", "remark")
    lines = [", ".join(f"{name} {value}" for name, value in facts.items()), "", f"{TITLE}.", ""]
    lines += [f"| {' | '.join(head)} |", "|---|---|---:|---|---:|---:|---:|---|"]
    for r in results:
        cells = (r.group, r.subject, rate(r.value, r.unit), r.rival, rate(r.other, r.unit), ratio(r), target(r))
        escaped = (cell.replace("|", "\\|") for cell in (*cells, r.remark))
        lines.append(f"| {' | '.join(escaped)} |")
    return "\n".join(lines) + "\n"


def save(folder: Path, results: Sequence[Result], facts: Mapping[str, object], seconds: Mapping[str, float]) -> None:
    """Write `benchmarks.json` and `benchmarks.md`; seconds are what each benchmark took.

    JSON has no NaN: what was not measured is null.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [dataclasses.asdict(result) for result in results]
    text = json.dumps({"machine": dict(facts), "seconds": dict(seconds), "results": rows})
    content = json.loads(text, parse_constant=lambda _: None)
    (folder / "benchmarks.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (folder / "benchmarks.md").write_text(markdown(results, facts), encoding="utf-8")


def remembered(folder: Path) -> dict[str, float]:
    """What each benchmark took when it was run last [s]; nothing where that is not known."""
    try:
        seconds = json.loads((folder / "benchmarks.json").read_text(encoding="utf-8"))["seconds"]
        return {str(name): float(value) for name, value in seconds.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
