"""LeRobot v3.0 datasets on disk, read and written without LeRobot, and importers.

The names below are imported when they are first used, so that settings of imports need neither Arrow nor OpenCV.
"""

import importlib
from typing import TYPE_CHECKING, Any

from sim2real.errors import DatasetError

if TYPE_CHECKING:
    from sim2real.datasets.donkeycar.account import Rules
    from sim2real.datasets.donkeycar.importer import TubImport, import_tub
    from sim2real.datasets.lerobot.dataset import EpisodeDataset
    from sim2real.datasets.lerobot.episode import Episode
    from sim2real.datasets.lerobot.features import Feature, camera_feature
    from sim2real.datasets.lerobot.rows import EncodedImage
    from sim2real.datasets.lerobot.writer import EpisodeWriter

__all__ = [
    "DatasetError",
    "EncodedImage",
    "Episode",
    "EpisodeDataset",
    "EpisodeWriter",
    "Feature",
    "Rules",
    "TubImport",
    "camera_feature",
    "import_tub",
]

_HOMES = {
    "donkeycar.account": ("Rules",),
    "donkeycar.importer": ("TubImport", "import_tub"),
    "lerobot.dataset": ("EpisodeDataset",),
    "lerobot.episode": ("Episode",),
    "lerobot.features": ("Feature", "camera_feature"),
    "lerobot.rows": ("EncodedImage",),
    "lerobot.writer": ("EpisodeWriter",),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"sim2real.datasets.{home}"), name)
    raise AttributeError(f"module 'sim2real.datasets' has no attribute {name!r}")
