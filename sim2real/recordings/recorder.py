"""Recording of a control loop's episodes as a LeRobot dataset, each on disk as it ends."""

import os
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from sim2real.datasets import EncodedImage, EpisodeDataset, EpisodeWriter, Feature, camera_feature, images
from sim2real.errors import InputError
from sim2real.files.atomic import with_null
from sim2real.recordings.arm_logs import ACTION, INTERVENTION, STATE
from sim2real.robots.boundary import Boundary

NICENESS = 10  # of the thread that encodes frames, which must not take the control loop's time


class EpisodeRecorder:
    """Records episodes of a robot; a finished one survives a kill, a full disk and Ctrl-C.

    Frame k of an episode has all cameras' images (JPEG), encoded on a thread of their own; `observation.state` and
    `action`, the command sent then, in a dataset's units and names (`Boundary`); and `intervention`. The dataset in the
    folder can be read at any time; a later recorder with `resume` appends to it.

    Args:
        folder: folder of the dataset, which is made with the first episode.
        control_dt: time between frames [s].
        resume: append to the dataset of an interrupted recording, if there is one.

    Raises:
        InputError: the folder exists without resume, or holds a recording of another robot or kind.

    Attributes:
        saved: number of episodes in the folder.
    """

    def __init__(self, folder: Path, boundary: Boundary, control_dt: float, *, resume: bool = False) -> None:
        if folder.exists() and not resume:
            raise InputError(f"{folder} exists: add --resume to continue it, or choose another destination")
        self.folder, self._boundary, self._fps = folder, boundary, 1 / control_dt
        self.saved = self._appended() if (folder / "meta/info.json").is_file() else 0
        self._columns: dict[str, list[Any]] = {}
        self._writer: EpisodeWriter | None = None
        self._closing = ExitStack()
        self._encoder = self._closing.enter_context(ThreadPoolExecutor(1, "encoder", initializer=_step_back))

    def note(self, observation: Mapping[str, Any], command: np.ndarray, by_hand: bool = False) -> None:
        """Append a step to the current episode, as `sim2real.robots.loop.Log`."""
        columns = self._columns
        for name, frame in observation.items():
            if name.startswith("images."):
                columns.setdefault(f"observation.{name}", []).append(self._encoder.submit(_encoded, frame))
        columns.setdefault(STATE, []).append(self._boundary.to_log(observation["state"]))
        columns.setdefault(ACTION, []).append(self._boundary.to_log(command))
        columns.setdefault(INTERVENTION, []).append(by_hand)

    def save(self, task: str, session: str | None, outcome: Mapping[str, Any]) -> int | None:
        """End the current episode; it is on disk when this returns.

        Args:
            task, session, outcome: as in `EpisodeWriter.save_columns`; numbers that are not finite become null.

        Returns:
            The episode's index in the dataset; None if it has no step.

        Raises:
            DatasetError: the folder's dataset has other cameras or another robot.
            OSError: the disk is full; this episode is lost, and the earlier ones are not.
        """
        columns, self._columns = self._columns, {}
        if not columns:
            return None
        done = {name: [_result(value) for value in values] for name, values in columns.items()}
        if self._writer is None:
            kind = self._boundary.robot_type
            writer = EpisodeWriter(self.folder, self._features(done), self._fps, robot_type=kind)
            self._writer = self._closing.enter_context(writer)
        number = self._writer.save_columns(done, task, session=session, outcome=with_null(outcome))
        self.saved = number + 1
        return number

    def discard(self) -> None:
        """Discard the current episode."""
        self._columns = {}

    def _appended(self) -> int:
        """Return the number of episodes of the dataset to append to; raises InputError if it is of another kind."""
        dataset = EpisodeDataset(self.folder)
        own = self._boundary.robot_type, self._fps, True
        if (dataset.info.get("robot_type"), dataset.fps, INTERVENTION in dataset.features) != own:
            raise InputError(f"{self.folder} is not a recording of a {own[0]} at {own[1]:g} Hz by this command")
        return len(dataset)

    def _features(self, columns: Mapping[str, list[Any]]) -> dict[str, Feature]:
        names = {STATE: self._boundary.state_names, ACTION: self._boundary.action_names}
        cameras = {name: camera_feature(*values[0].shape[:2]) for name, values in columns.items() if "images" in name}
        vectors = {name: Feature("float32", (len(each),), each) for name, each in names.items()}
        return {**cameras, **vectors, INTERVENTION: Feature("bool", (1,))}

    def __enter__(self) -> "EpisodeRecorder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.__exit__(kind, error, at)


def _step_back() -> None:
    """Lower the priority of the current thread, where the system has one per thread (Linux)."""
    with suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _encoded(frame: np.ndarray) -> EncodedImage:
    return EncodedImage(images.encode(frame, ".jpg"), frame.shape)


def _result(value: Any) -> Any:
    return value.result() if isinstance(value, Future) else value
