"""Import recordings of other formats."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim2real.datasets.donkeycar.account import Rules
from sim2real.datasets.donkeycar.importer import TubImport, import_tub
from sim2real.datasets.donkeycar.tub import is_tub
from sim2real.datasets.import_config import ImportConfig
from sim2real.datasets.lerobot.version2 import convert, is_version2
from sim2real.errors import DatasetError
from sim2real.progress import Stages, no_stages


@dataclass(frozen=True)
class ImportResult:
    """An imported dataset.

    Attributes:
        folder: the dataset.
        report: content of `import_report.json`.
    """

    folder: Path
    report: Mapping[str, Any]


def importable(folder: Path) -> bool:
    """Return whether a folder holds recordings of an importable format."""
    return is_tub(folder) or is_version2(folder)


def import_dataset(
    source: Path | str, destination: Path | str, config: ImportConfig = ImportConfig(), stages: Stages = no_stages
) -> ImportResult:
    """Turn a Donkeycar tub (v2) or a LeRobot v2.1 dataset into a LeRobot v3.0 dataset, and account for every record.

    Args:
        source: folder of the tub or dataset; it is only read.
        destination: folder of the new dataset; it must not exist. An interruption leaves nothing behind.
        stages: progress: "import".

    Raises:
        DatasetError: the source is neither or has no usable record, its time stamps contradict the rate, or the
            destination exists.
        OSError: the disk is full; nothing is left behind.
    """
    source, destination = Path(source), Path(destination)
    if source.is_dir() and not importable(source):
        raise DatasetError(f"{source} is neither a Donkeycar tub v2 (manifest.json) nor a LeRobot v2.1 dataset (meta/)")
    if is_version2(source):
        return ImportResult(destination, convert(source, destination, stages("import")))
    rules = Rules(config.include_deleted, config.max_gap, config.min_frames, config.fps, config.autopilot)
    options = TubImport(rules, config.video, config.task)
    return ImportResult(destination, import_tub(source, destination, options, stages("import")))
