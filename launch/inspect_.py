"""`sim2real inspect`: show what a dataset holds, and check it."""

import json
import sys
from pathlib import Path
from typing import Any

import tyro
from rich.table import Table

from launch.console import console, reporting, say

UNSOUND = 1  # exit code


def command(dataset: tyro.conf.Positional[str], out: Path | None = None) -> None:
    """Print a dataset's statistics, check that frames match their rows, draw frames and actions.

    Exit code 1 if a check fails.

    Example: sim2real inspect datasets/track_1

    Args:
        dataset: a LeRobot v3.0 dataset, or a selection of its episodes: path[0:17], path[3].
        out: folder for inspect.json, frames-<camera>.png and actions.png; by default under runs/.
    """
    from sim2real.datasets.inspection import inspect_dataset
    from sim2real.reports.pictures.datasets import draw_dataset

    with reporting() as stages:
        result = inspect_dataset(dataset, out, stages)
    draw_dataset(result)
    features = result.dataset.features
    _print(dataset, result.figures, {name: features[name].names for name in result.figures["features"]})
    say(f"pictures and figures: {result.folder}")
    if not result.sound:
        sys.exit(UNSOUND)


def _print(title: str, figures: dict[str, Any], names: dict[str, Any]) -> None:
    table = Table("feature", "min", "max", "mean", "std", "zeros", title=title, title_justify="left")
    for feature, columns in figures["features"].items():
        for k in range(len(columns["min"])):
            element = names[feature][k] if names[feature] and len(names[feature]) > k else str(k)
            row = [f"{columns[key][k]:.3f}" for key in ("min", "max", "mean", "std")]
            table.add_row(f"{feature} {element}", *row, f"{100 * columns['zeros'][k]:.0f} %")
    console.print(table)
    lengths, rate = figures["lengths"], figures["rate"]
    lines = [
        f"{figures['episodes']} episodes, {figures['frames']} frames, {figures['seconds']} s at {figures['fps']:g} Hz",
        f"episode lengths: {lengths['min']} … {lengths['max']} frames, median {lengths['median']:g}",
        f"rate: median {rate['median_hz']} Hz, jitter {rate['jitter_ms']} ms, 99 % within {rate['p99_ms']} ms, "
        f"longest {rate['longest_ms']} ms, {100 * (rate['late'] or 0):.1f} % late",
        f"tasks: {json.dumps(figures['tasks'], ensure_ascii=False)}",
        "files: no checksums"
        if figures["verified_files"] is None
        else f"files with a correct checksum: {figures['verified_files']}",
        f"images equal to the previous one: {figures['repeated_images']}",
    ]
    for line in lines:
        say(line)
    for check, count in figures["truth"].items():
        console.print(f"  {check}: {'[green]yes[/]' if not count else f'[red]NO, {count} frames[/]'}", highlight=False)
