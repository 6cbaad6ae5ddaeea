"""`sim2real edit`: leave out, cut or join episodes of a dataset."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import reporting, say
from sim2real.datasets.edit_config import EditConfig


def command(
    source: tyro.conf.Positional[Path],
    dest: tyro.conf.Positional[Path],
    config: Annotated[EditConfig, tyro.conf.arg(name="")],
) -> None:
    """Leave out, cut or join episodes of a LeRobot v3.0 dataset; the result is a new one.

    Image files are copied unchanged, frames of videos become image files; sessions are kept.

    Example: sim2real edit datasets/monday datasets/week --delete 3,7 --split 5@120 --merge datasets/tuesday

    Args:
        source: the dataset; it is only read.
        dest: the new dataset; it must not exist. An interrupted edit leaves nothing and can be repeated.
    """
    from sim2real.datasets.editing import edit_dataset

    with reporting() as stages:
        report = edit_dataset(source, dest, config, stages("write episodes"))
    frames = sum(each["frames"] for each in report["episodes"])
    say(f"{len(report['episodes'])} episodes, {frames} frames\ndataset: {dest}")
