"""`sim2real inspect`: what is in a dataset, and whether it is sound."""

import json
import sys
from pathlib import Path
from typing import Any

import tyro
from rich.table import Table

from launch.console import console, reporting

UNSOUND = 1  # exit code


def command(dataset: tyro.conf.Positional[str], out: Path | None = None) -> None:
    """Print a dataset's figures, check that frames are true to their rows, draw frames and actions.

    Exit code 1 if a check fails.

    Example: sim2real inspect datasets/track_1

    Args:
        dataset: a LeRobot v3.0 dataset, or some of its episodes: path[0:17], path[3].
        out: folder for inspect.json, frames-<camera>.png and actions.png; by default under runs/.
    """
    from sim2real.datasets import DatasetError, EpisodeDataset
    from sim2real.datasets.inspection import inspect
    from sim2real.files import write_json
    from sim2real.reports.films.video import write_image
    from sim2real.reports.pictures.datasets import contact_sheet, histograms

    opened = EpisodeDataset.open(dataset)
    if not len(opened):
        raise DatasetError(f"{dataset} has no episodes yet")
    out = out or Path("runs") / f"inspect-{opened.root.resolve().name}"
    with reporting() as stage:
        report = stage("inspect")
        found = inspect(opened, report)
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "inspect.json", found)
    for camera in opened.cameras:
        if not found["truth"][f"{camera} readable and of its size"]:
            write_image(out / f"frames-{camera.rpartition('.')[2]}.png", contact_sheet(opened, camera))
    action = opened.features.get("action")
    if action is not None and len(action.shape) == 1:
        import numpy as np

        values = np.concatenate([episode["action"].reshape(len(episode), -1) for episode in opened])
        names = list(action.names or [f"action {k}" for k in range(values.shape[1])])
        write_image(out / "actions.png", histograms(values, names))
    _print(dataset, found, {name: opened.features[name].names for name in found["features"]})
    console.print(f"pictures and figures: {out}", highlight=False, soft_wrap=True)
    if any(found["truth"].values()):
        sys.exit(UNSOUND)


def _print(title: str, found: dict[str, Any], names: dict[str, Any]) -> None:
    table = Table("feature", "min", "max", "mean", "std", "zeros", title=title, title_justify="left")
    for feature, figures in found["features"].items():
        for k in range(len(figures["min"])):
            element = names[feature][k] if names[feature] and len(names[feature]) > k else str(k)
            row = [f"{figures[key][k]:.3f}" for key in ("min", "max", "mean", "std")]
            table.add_row(f"{feature} {element}", *row, f"{100 * figures['zeros'][k]:.0f} %")
    console.print(table)
    lengths, rate = found["lengths"], found["rate"]
    lines = [
        f"{found['episodes']} episodes, {found['frames']} frames, {found['seconds']} s at {found['fps']:g} Hz",
        f"episode lengths: {lengths['min']} … {lengths['max']} frames, median {lengths['median']:g}",
        f"rate: median {rate['median_hz']} Hz, jitter {rate['jitter_ms']} ms, 99 % within {rate['p99_ms']} ms, "
        f"longest {rate['longest_ms']} ms, {100 * (rate['late'] or 0):.1f} % late",
        f"tasks: {json.dumps(found['tasks'], ensure_ascii=False)}",
        "files: no checksums"
        if found["verified_files"] is None
        else f"files as they were written: {found['verified_files']}",
        f"images equal to the one before: {found['repeated_images']}",
    ]
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    for check, count in found["truth"].items():
        console.print(f"  {check}: {'[green]yes[/]' if not count else f'[red]NO, {count} frames[/]'}", highlight=False)
