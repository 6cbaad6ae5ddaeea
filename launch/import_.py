"""`sim2real import`: convert recordings to a dataset."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.table import Table

from launch.console import console, reporting, say
from sim2real.datasets.import_config import ImportConfig


def command(
    source: tyro.conf.Positional[Path],
    dest: tyro.conf.Positional[Path],
    config: Annotated[ImportConfig, tyro.conf.arg(name="")] = ImportConfig(),
) -> None:
    """Turn a Donkeycar tub (v2) or a LeRobot v2.1 dataset into a LeRobot v3.0 dataset, and account for every record.

    Example: sim2real import path/to/tub datasets/track_1

    Args:
        source: folder of the tub or dataset; it is only read.
        dest: the new dataset; it must not exist. An interrupted import leaves nothing and can be repeated.
    """
    from sim2real.datasets.importing import import_dataset

    with reporting() as stages:
        result = import_dataset(source, dest, config, stages)
    _print_account(result.report)
    say(f"dataset: {dest}")


def _print_account(report: Mapping[str, Any]) -> None:
    """Print how many records were kept or left out, and further observations."""
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
        say(f"all frames of {camera} can be decoded: {frames}")
    for note in _notes(report):
        console.print(f"[yellow]note:[/] {note}", highlight=False, soft_wrap=True)


def _notes(report: Mapping[str, Any]) -> list[str]:
    notes = []
    if report.get("images_without_record"):
        notes.append(f"{report['images_without_record']} image files belong to no record and were left out")
    if report.get("resized_images"):
        width, height = report["image_size"]
        notes.append(f"{report['resized_images']} images were converted to RGB of {width}x{height} (and saved as PNG)")
    if report.get("missing_catalogs"):
        notes.append(f"the manifest names missing catalogs: {', '.join(report['missing_catalogs'])}")
    return notes
