"""`sim2real import`: recordings become a dataset."""

from pathlib import Path
from typing import Any

import tyro
from rich.table import Table

from launch.console import console, reporting


def command(
    source: tyro.conf.Positional[Path],
    dest: tyro.conf.Positional[Path],
    include_deleted: bool = False,
    video: bool = False,
    max_gap: float = 0.5,
    min_frames: int = 1,
    fps: float = 20.0,
    task: str = "follow the road",
) -> None:
    """Turn a Donkeycar tub (v2) or a LeRobot v2.1 dataset into a LeRobot v3.0 dataset, and account for every record.

    Example: sim2real import path/to/tub datasets/track_1

    Args:
        source: folder of the tub or dataset; it is only read.
        dest: the new dataset; it must not exist. An interrupted import leaves nothing and can be repeated.
        include_deleted: keep what the tub's owner marked as deleted.
        video: a tub's frames as mp4 (small, lossy) instead of the original image files (exact).
        max_gap: longest time between two frames of a tub's episode [s].
        min_frames: leave out a tub's episodes shorter than this.
        fps: rate that the tub was recorded at [Hz]; one that its time stamps contradict by more than 10 % is refused.
        task: what the tub's driver did, in words.
    """
    from sim2real.datasets import DatasetError, Rules, TubImport, import_tub
    from sim2real.datasets.donkeycar.tub import is_tub
    from sim2real.datasets.lerobot.version2 import convert, is_version2

    if source.is_dir() and not is_tub(source) and not is_version2(source):
        raise DatasetError(f"{source} is neither a Donkeycar tub v2 (manifest.json) nor a LeRobot v2.1 dataset (meta/)")
    with reporting() as stage:
        report = stage("import")

        def progress(done: int, total: int) -> None:
            report(done, total)

        if is_version2(source):
            account = convert(source, dest, progress)
        else:
            rules = Rules(include_deleted, max_gap, min_frames, fps)
            account = import_tub(source, dest, TubImport(rules, video, task), progress)
    print_account(account)
    console.print(f"dataset: {dest}", highlight=False, soft_wrap=True)


def print_account(report: dict[str, Any]) -> None:
    """What became of the records, and what was noticed."""
    from sim2real.datasets.donkeycar.record import MEANING

    table = Table("", "records", "", title=f"{report['source']} ({report['kind']})", title_justify="left")
    meaning = {str(verdict): text for verdict, text in MEANING.items()}
    for name, count in report["account"].items():
        if count or name == "kept":
            table.add_row(name.replace("_", " "), str(count), meaning[name])
    table.add_section()
    table.add_row("all", str(report["records"]), f"{len(report['episodes'])} episodes kept")
    console.print(table)
    for camera, frames in report.get("decoded", {}).items():
        console.print(
            f"every frame of {camera} was decoded once: {frames}", highlight=False, soft_wrap=True, markup=False
        )
    for note in _notes(report):
        console.print(f"[yellow]note:[/] {note}", highlight=False, soft_wrap=True)


def _notes(report: dict[str, Any]) -> list[str]:
    notes = []
    if report.get("images_without_record"):
        notes.append(f"{report['images_without_record']} image files belong to no record and were left out")
    if report.get("resized_images"):
        width, height = report["image_size"]
        notes.append(f"{report['resized_images']} images were converted to RGB of {width}x{height} (and saved as PNG)")
    if report.get("missing_catalogs"):
        notes.append(f"the manifest names catalogs that are not there: {', '.join(report['missing_catalogs'])}")
    return notes
