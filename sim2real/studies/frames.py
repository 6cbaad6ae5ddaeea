"""One frozen set of frames with labels, for candidates that must all learn from the same data.

DAgger would show each candidate other frames, those that it drives to itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from envs import BatchEnv, LaneFollow, make_task
from policies.policy import Policy
from sim2real.files.folders import new_folder
from sim2real.progress import Progress, silent
from sim2real.training.collector import Collector
from sim2real.training.pretrain_config import DistillationConfig
from sim2real.training.pretraining import labeller

LABEL, MAPS, LAYOUT = "label.", ("mask", "depth"), "layout"


@dataclass(frozen=True)
class Frames:
    """Frozen frames, mapped into memory from the files that they are kept in.

    Attributes:
        images: (n, H, W, 3) uint8.
        labels: name -> (n, k) float32 (the teacher's action; offset, heading, curvature), or (n, h, w) uint8 in
            255ths (mask, depth).
        layout: (n,) int, the track layout that each frame shows.
    """

    images: np.ndarray
    labels: Mapping[str, np.ndarray]
    layout: np.ndarray

    def __len__(self) -> int:
        return len(self.images)

    def rows(self, index: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Return copies of images (m, H, W, 3) and labels at index (m,), all labels float32."""
        labels = {name: values[index].astype(np.float32) for name, values in self.labels.items()}
        return self.images[index], {k: v / np.float32(255) if k in MAPS else v for k, v in labels.items()}


def read_frames(folder: Path) -> Frames:
    """Open frames that `freeze_frames` wrote."""
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
    labels = {name.removeprefix(LABEL): values for name, values in arrays.items() if name.startswith(LABEL)}
    return Frames(arrays["image"], labels, np.asarray(arrays[LAYOUT]))


def freeze_frames(
    folder: Path,
    split: str,
    frames: int,
    worlds: int,
    teacher: Callable[[np.ndarray], np.ndarray],
    student: Policy,
    share: float,
    seed: int,
    progress: Progress = silent,
) -> Frames:
    """Collect frames of LaneFollow in default randomization, unless the folder has them, as pretraining collects them.

    Args:
        folder: where they are kept; it appears when it is complete.
        split: split of the layouts.
        frames: number of frames; rounded down to a multiple of `worlds`.
        student: drives a share of the worlds, which grows as in pretraining; its config tells the camera and the maps.
        share: largest share of the worlds that the student drives; the teacher, with jolts, drives the others.
    """
    if not folder.is_dir():
        worlds = min(worlds, frames)
        env = BatchEnv(
            make_task("LaneFollow", split),
            worlds,
            randomization="default",
            observations=("state", student.config.preprocessing.key, "privileged"),
            threads=1,
            maps=student.config.heads.masks["mask"],
        )
        try:
            with new_folder(folder) as new:
                _collect(
                    env, teacher, student, share, _Writer(new, env.task, frames // worlds * worlds), seed, progress
                )
        finally:
            env.close()
    return read_frames(folder)


def _collect(
    env: BatchEnv,
    teacher: Callable[[np.ndarray], np.ndarray],
    student: Policy,
    share: float,
    writer: "_Writer",
    seed: int,
    progress: Progress,
) -> None:
    config = DistillationConfig(frames=writer.count, buffer=writer.count, share=share, seed=seed)
    collector = Collector(env, teacher, labeller(teacher, "LaneFollow", "default"), student, writer, config, 0)
    collector.start()
    try:
        for k in range(env.num_envs, writer.count + 1, env.num_envs):
            collector.wait_for(k)
            progress(k, writer.count)
    finally:
        collector.stop()
    writer.flush()


class _Writer:
    """Writes the rows that a collector adds into files, with the layout that each shows."""

    def __init__(self, folder: Path, task: object, count: int) -> None:
        assert isinstance(task, LaneFollow)
        self.count, self._folder, self._task = count, folder, task
        self._arrays: dict[str, np.memmap] = {}
        self._written = 0

    def add(self, rows: dict[str, np.ndarray]) -> None:
        kept = {name: _as_kept(name, values) for name, values in rows.items() if name != "state"}
        kept[LAYOUT] = self._task.layout.astype(np.int32)
        here = slice(self._written, self._written + len(kept[LAYOUT]))
        for name, values in kept.items():
            if name not in self._arrays:
                path, shape = self._folder / f"{name}.npy", (self.count, *values.shape[1:])
                self._arrays[name] = np.lib.format.open_memmap(path, "w+", values.dtype, shape)
            self._arrays[name][here] = values
        self._written = here.stop

    def flush(self) -> None:
        for values in self._arrays.values():
            values.flush()


def _as_kept(name: str, values: np.ndarray) -> np.ndarray:
    """Return maps in 255ths, which they are rendered in; other values unchanged."""
    return np.round(values * 255).astype(np.uint8) if name.removeprefix(LABEL) in MAPS else values
