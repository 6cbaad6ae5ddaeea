"""Prints what this project's speed is beside the engines beneath it and beside what one would use otherwise.

    .venv/bin/python tests/benchmarks/run.py [--only NAME ...] [--json FILE]

Nothing here asserts a time. Figures that are compared were measured in the same run, in short alternating rounds.
"""

import argparse
import dataclasses
import importlib
import json
import math
import time
from pathlib import Path

from common import Result, machine_facts
from rich.console import Console
from rich.table import Table

# Modules are imported when their turn comes: worker processes of a benchmark import this file too.
BENCHMARKS = {
    "stepping": ("bench_stepping.stepping",),
    "rendering": ("bench_rendering.rendering", "bench_rendering.arm_rendering"),
    "scaling": ("bench_stepping.scaling", "bench_rendering.scaling"),
    "pretraining": ("bench_learning.pretraining",),
    "act": ("bench_learning.act",),
    "transfer": ("bench_transfer.cache",),
}
QUIET = 0.5  # load average above which figures are not to be trusted


def _figure(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def print_table(console: Console, results: list[Result]) -> None:
    """One row per comparison."""
    table = Table(title="Above 1, this project is the faster one", title_justify="left")
    for title, right in (
        *(("benchmark", False), ("this project", False), ("figure", True), ("unit", False), ("compared with", False)),
        *(("figure", True), ("ratio", True), ("target", True), ("remark", False)),
    ):
        table.add_column(title, justify="right" if right else "left")
    group = ""
    for r in results:
        if group and r.group != group:
            table.add_section()
        ratio = "-" if math.isnan(r.ratio) else f"{r.ratio:.2f}"
        colour = "" if r.target is None or math.isnan(r.ratio) else "green" if r.ratio >= r.target else "red"
        table.add_row(
            *(r.group if r.group != group else "", r.subject, _figure(r.value), r.unit, r.rival, _figure(r.other)),
            *(f"[{colour}]{ratio}[/]" if colour else ratio, "" if r.target is None else f"≥ {r.target:g}", r.remark),
        )
        group = r.group
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS), metavar="NAME",
                        help=f"of: {', '.join(BENCHMARKS)}")  # fmt: skip
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here too")
    options = parser.parse_args()
    console, facts, start = Console(), machine_facts(), time.perf_counter()
    console.print(", ".join(f"{name} {value}" for name, value in facts.items()))
    load = float(facts["load"])
    if load > QUIET:
        warning = f"warning: the machine is busy (load {load:g}): figures are too low, ratios less certain"
        console.print(f"[yellow]{warning}[/]")
    results: list[Result] = []
    for name in options.only:
        with console.status(f"measuring: {name}"):
            for path in BENCHMARKS[name]:
                module, function = path.split(".")
                results += getattr(importlib.import_module(module), function)()
    print_table(console, results)
    console.print(f"{time.perf_counter() - start:.0f} s")
    if options.json:
        rows = [dataclasses.asdict(result) for result in results]
        content = {"machine": facts, "seconds": time.perf_counter() - start, "results": rows}
        # JSON has no NaN.
        clean = json.loads(json.dumps(content), parse_constant=lambda _: None)
        options.json.write_text(json.dumps(clean, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
