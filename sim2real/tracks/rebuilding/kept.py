"""Odometry of an unfinished reconstruction, kept in its folder for `--resume`."""

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import envs.camera
from sim2real.datasets import EpisodeDataset
from sim2real.datasets.checksums import Checksums
from sim2real.errors import CheckpointError, InputError
from sim2real.files import read_json, write_file, write_json
from sim2real.files.configs import to_plain
from sim2real.runs import Run, versions
from sim2real.tracks.rebuilding.drive import Drive
from sim2real.tracks.rebuilding.footage import Footage
from sim2real.tracks.rebuilding.odometry import retraced
from sim2real.tracks.rebuilding.reconstruct_config import ReconstructConfig

_PARTS = ("steps", "correlation", "rows")
_DIFFERENT = {
    "recordings": "other recordings, or they were changed since",
    "settings": "other settings",
    "camera": "another camera",
    "code": "another version of this program",
}


class KeptDrives:
    """The motion in each segment, in a file of its own; what only shows how a keyframe looks is computed again.

    Raises:
        InputError: the files of a resumed run are of other recordings, settings or code.
    """

    def __init__(self, run: Run, config: ReconstructConfig, footage: Footage) -> None:
        self._folder, self._footage = run.checkpoints, footage
        self._check(run.folder, _made_of(config, footage))

    def _check(self, run: Path, made_of: dict[str, Any]) -> None:
        path = self._folder / "made_of.json"
        if not path.is_file():
            write_json(path, made_of)
            return
        before = read_json(path, CheckpointError)
        different = [said for name, said in _DIFFERENT.items() if before.get(name) != made_of[name]]
        if different:
            raise InputError(f"{run} was begun with {' and '.join(different)}: remove it, or choose another --out")

    def keep(self, segment: int, drive: Drive) -> None:
        """Write a segment's file, unless it is there."""
        if not (path := self._path(segment)).is_file():
            content = io.BytesIO()
            np.savez(content, **{name: getattr(drive, name) for name in _PARTS})
            write_file(path, content.getbuffer())

    def drive(self, segment: int) -> Drive | None:
        """Return a segment's drive; None if it was not kept."""
        try:
            with np.load(self._path(segment), allow_pickle=False) as file:
                motion = [file[name] for name in _PARTS]
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # damaged: repeat it
            self._path(segment).unlink()
            return None
        return retraced(self._footage.images(segment), self._footage.views, *motion)

    def _path(self, segment: int) -> Path:
        return self._folder / f"segment_{segment:04d}.npz"


def _made_of(config: ReconstructConfig, footage: Footage) -> dict[str, Any]:
    """Return what the odometry depends on, and all settings."""
    settings = to_plain(config)
    del settings["dataset"], settings["camera"]  # paths: their content counts
    return {
        "recordings": _fingerprint(footage.dataset),
        "settings": settings,
        "camera": footage.views.view.mount.camera.to_dict(),
        "code": {**versions(), "opencv": cv2.__version__, "sources": _sources()},
    }


def _fingerprint(dataset: EpisodeDataset) -> str:
    """Return a SHA-256 in hex of a dataset's files and its selected episodes."""
    files = (Checksums.read(dataset.root) or Checksums.of_files(dataset.root)).files
    return hashlib.sha256(json.dumps([dataset.indices.tolist(), files], sort_keys=True).encode()).hexdigest()


def _sources() -> str:
    """Return a SHA-256 in hex of the code that rebuilds tracks."""
    files = [Path(envs.camera.__file__), *sorted(Path(__file__).parents[1].rglob("*.py"))]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


@contextmanager
def nothing_left(made: Sequence[Path]) -> Iterator[None]:
    """Remove a run's folder, and those that were made for it, if the recordings turn out to be unusable inside.

    Args:
        made: the run's folder, and the folders around it that were not there before, from within.
    """
    try:
        yield
    except InputError:
        shutil.rmtree(made[0], ignore_errors=True)
        with suppress(OSError):  # another run's folder is in there
            for each in made[1:]:
                each.rmdir()
        raise
