"""Terminal output of commands: progress, tables, and the command that resumes an interrupted run."""

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
INTERRUPTED = 130  # exit code, as in shells
QUIET_SECONDS = 15.0  # between lines where there is no terminal to draw a bar on

interrupted = threading.Event()


def _figures(metrics: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.3g}" for name, value in list(metrics.items())[:5])


@contextmanager
def reporting(first: str = "") -> Iterator[Stages]:
    """Show a progress bar per stage: report = stage("name"); report(done, in all, figures).

    Args:
        first: a line to print when the first stage begins, that is, once the settings have been accepted.
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
            if interrupted.is_set():  # still running: Arrow swallows exceptions while it imports modules
                raise KeyboardInterrupt
            bars.update(row, completed=done, total=total, figures=_figures(metrics))
            if not console.is_terminal and (time.monotonic() - said > QUIET_SECONDS or done == total):
                said = time.monotonic()
                print(f"{name}: {done}/{total}  {_figures(metrics)}", flush=True)

        return report

    with bars:
        yield stage


def say(line: str) -> None:
    """Print a line unchanged: paths must not be wrapped or parsed as markup."""
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
    """Print rows of cells as in a report: text, numbers, estimates and rates; None is an empty cell."""
    from sim2real.reports.page import cell

    if title:
        say(title)
    table = Table(*(Column(Text(name)) for name in header))  # Text: "[s]" is not markup
    for row in rows:
        table.add_row(*(Text(cell(value)["full"]) for value in row))
    console.print(table)


_resumable = 0  # nesting depth


@contextmanager
def resumable(command: str, folder: Path | None = None) -> Iterator[None]:
    """When interrupted inside, print the command that resumes the work, and exit with code 130.

    When nested, only the outermost prints: its command is the one that the user typed.

    Args:
        folder: the run's folder; before the run has started there is nothing to resume, and nothing is printed.
    """
    global _resumable
    _resumable += 1
    try:
        yield
    except KeyboardInterrupt:
        if _resumable > 1 or (folder is not None and not (folder / "config.json").is_file()):
            raise
        say(f"\ninterrupted; progress is saved. Resume with:\n  {command}")
        sys.exit(INTERRUPTED)
    finally:
        _resumable -= 1


def typed_command() -> str:
    """Return the command line as it was typed."""
    return shlex.join(["sim2real", *sys.argv[1:]])


def resume_command(folder: Path) -> str:
    """Return the command line that resumes the run in this folder."""
    words = [word for word in sys.argv[1:] if word != "--resume"]
    if not any(word.split("=")[0] == "--out" for word in words):
        words += ["--out", str(folder)]
    return shlex.join(["sim2real", *words, "--resume"])
