"""Recordings: LeRobot v3.0 datasets on disk, read and written without LeRobot, and importers."""

from sim2real.datasets.donkeycar.account import Rules
from sim2real.datasets.donkeycar.importer import TubImport, import_tub
from sim2real.datasets.lerobot.dataset import EpisodeDataset
from sim2real.datasets.lerobot.episode import Episode
from sim2real.datasets.lerobot.features import Feature, camera_feature
from sim2real.datasets.lerobot.rows import EncodedImage
from sim2real.datasets.lerobot.writer import EpisodeWriter
from sim2real.errors import DatasetError

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
