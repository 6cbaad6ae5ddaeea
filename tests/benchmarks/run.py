"""Prints what this project's speed is beside the engines beneath it and beside what one would use otherwise.

    .venv/bin/python tests/benchmarks/run.py [--only NAME ...] [--out FOLDER]

Nothing here asserts a time. Figures that are compared were measured in the same run, in short alternating rounds.
The table is saved in the folder as `benchmarks.json` and `benchmarks.md`.
"""

import argparse
import importlib
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from common import Result, machine_facts
from table import remembered, save, terminal_table

# Modules are imported when their turn comes: worker processes of a benchmark import this file too.
BENCHMARKS = {
    "stepping": ("bench_stepping.stepping",),
    "rendering": ("bench_rendering.rendering", "bench_rendering.arm_rendering", "bench_rendering.image_formation"),
    "scaling": ("bench_stepping.scaling", "bench_rendering.scaling"),
    "pretraining": ("bench_learning.pretraining",),
    "act": ("bench_learning.act",),
    "exported": ("bench_export.exported",),
    "transfer": ("bench_transfer.cache",),
}
QUIET = 0.5  # load average above which figures are not to be trusted
USUAL = 30.0  # seconds that a function takes of which nothing is remembered


def progress_line(names: Sequence[str], number: int, before: Mapping[str, float]) -> str:
    """What is measured now, and how long it and all after it will take, from what they took before [s]."""
    left = sum(before.get(name, USUAL) for name in names[number:])
    return f"{number + 1} of {len(names)}: {names[number]}, about {max(1, round(left / 60))} min left"


def measure(names: Sequence[str], console: Console, before: Mapping[str, float]) -> tuple[list[Result], dict]:
    """Results of the functions of these names, and the seconds that each took."""
    results: list[Result] = []
    seconds: dict[str, float] = {}
    for number, name in enumerate(names):
        console.print(progress_line(names, number, before), highlight=False)
        module, function = name.split(".")
        start = time.perf_counter()
        results += getattr(importlib.import_module(module), function)()
        seconds[name] = round(time.perf_counter() - start, 1)
    return results, seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS), metavar="NAME",
                        help=f"of: {', '.join(BENCHMARKS)}")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("runs/bench"), metavar="FOLDER", help="default: runs/bench")
    options = parser.parse_args()
    console, facts = Console(), machine_facts()
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()))
    load = float(facts["load"])
    if load > QUIET:
        warning = f"warning: the machine is busy (load {load:g}): figures are too low, ratios less certain"
        console.print(f"[yellow]{warning}[/]")
    before = remembered(options.out)
    names = [name for choice in options.only for name in BENCHMARKS[choice]]
    results, seconds = measure(names, console, before)
    save(options.out, results, facts, before | seconds)
    console.print(terminal_table(results))
    console.print(f"{sum(seconds.values()):.0f} s; saved: {options.out / 'benchmarks.json'}, benchmarks.md beside it")


if __name__ == "__main__":
    main()
