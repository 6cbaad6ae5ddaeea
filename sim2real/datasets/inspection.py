"""Inspection of a dataset: statistics of features, the frame rate, and consistency checks."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.datasets import images
from sim2real.datasets.checksums import check_all
from sim2real.datasets.lerobot.dataset import EpisodeDataset
from sim2real.datasets.lerobot.episode import Episode
from sim2real.datasets.lerobot.features import INDICES
from sim2real.errors import DatasetError, InputError
from sim2real.files import write_json
from sim2real.progress import Progress, Stages, no_stages, silent

CLOCK = "recorded_at"


@dataclass(frozen=True)
class InspectResult:
    """The result of an inspection.

    Attributes:
        folder: folder of `inspect.json`.
        dataset: the recordings.
        figures: see `inspect`.
    """

    folder: Path
    dataset: EpisodeDataset
    figures: dict[str, Any]

    @property
    def sound(self) -> bool:
        """Return whether all checks passed."""
        return not any(self.figures["truth"].values())


def inspect_dataset(path: Path | str, out: Path | str | None = None, stages: Stages = no_stages) -> InspectResult:
    """Read a dataset once, check that frames match their rows, and write statistics to `inspect.json`.

    Args:
        path: a LeRobot v3.0 dataset, or a selection of its episodes: path[0:17], path[3].
        out: folder for the results; None: one under `runs/`.
        stages: progress: "inspect", in episodes.

    Raises:
        DatasetError: not a dataset, a damaged one, or one without episodes.
    """
    dataset = EpisodeDataset.open(path)
    if not len(dataset):
        raise DatasetError(f"{path} has no episodes yet")
    folder = Path("runs") / f"inspect-{dataset.root.resolve().name}" if out is None else Path(out)
    figures = inspect(dataset, stages("inspect"))
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "inspect.json", figures)
    return InspectResult(folder, dataset, figures)


def inspect(dataset: EpisodeDataset, progress: Progress = silent) -> dict[str, Any]:
    """Read all data once and return its statistics.

    Returns:
        "episodes", "frames", "seconds", "fps", "tasks", "cameras"; "verified_files": number of files with a correct
        checksum, None without checksums; "lengths" (min, median, max); "features": per column and element min, max,
        mean, std and the share of zeros; "rate" (see `rate`); "truth": per check the number of frames that fail it;
        "repeated_images": number of frames equal to the previous one, as from a stuck camera.
    """
    broken: Counter[str] = Counter()
    steps, columns, repeated = [], {}, 0
    for k, episode in enumerate(dataset):
        broken.update(_rows(episode, dataset))
        for camera in dataset.cameras:
            wrong, same = _images(episode, dataset, camera)
            broken[f"{camera} readable and of its size"] += wrong
            repeated += same
        clock = episode.columns.get(CLOCK, episode["timestamp"])
        steps.append(np.diff(clock.astype(np.float64).reshape(-1)))
        for name, values in episode.columns.items():
            if name not in INDICES and name != CLOCK and values.dtype != object:
                columns.setdefault(name, []).append(values.reshape(len(values), -1))
        progress(k + 1, len(dataset))
    lengths = dataset.lengths
    return {
        "episodes": len(dataset),
        "frames": dataset.frames,
        "seconds": round(dataset.frames / dataset.fps, 1),
        "fps": dataset.fps,
        "tasks": dict(Counter(dataset.tasks)),
        "cameras": list(dataset.cameras),
        "verified_files": check_all(dataset.root),
        "lengths": {"min": int(lengths.min()), "median": float(np.median(lengths)), "max": int(lengths.max())},
        "features": {name: _figures(np.concatenate(parts)) for name, parts in columns.items()},
        "rate": rate(np.concatenate(steps), dataset.fps),
        "truth": dict(broken),
        "repeated_images": repeated,
    }


def rate(steps: np.ndarray, fps: float) -> dict[str, float | None]:
    """Return statistics of the times [s] between consecutive frames.

    Returns:
        "median_hz", "jitter_ms" (standard deviation), "p99_ms", "longest_ms"; "late": share of steps longer than one
        and a half periods, where the recorder lost a frame.
    """
    if not len(steps):
        return {"median_hz": None, "jitter_ms": None, "p99_ms": None, "longest_ms": None, "late": None}
    return {
        "median_hz": round(1 / max(float(np.median(steps)), 1e-9), 2),
        "jitter_ms": round(1000 * float(steps.std()), 2),
        "p99_ms": round(1000 * float(np.quantile(steps, 0.99)), 1),
        "longest_ms": round(1000 * float(steps.max()), 1),
        "late": round(float((steps > 1.5 / fps).mean()), 4),
    }


def _figures(values: np.ndarray) -> dict[str, list[float]]:
    values = values.astype(np.float64)
    figures = {"min": values.min(0), "max": values.max(0), "mean": values.mean(0), "std": values.std(0)}
    figures["zeros"] = (values == 0).mean(0)
    return {name: [round(float(value), 5) for value in figure] for name, figure in figures.items()}


def _rows(episode: Episode, dataset: EpisodeDataset) -> dict[str, int]:
    """Count the frames of an episode that fail each check."""
    length = len(episode)
    rows = np.arange(length)
    broken = {
        "frames counted from 0": int((episode["frame_index"] != rows).sum()),
        "rows of their episode": int((episode["episode_index"] != episode.index).sum()),
        "index runs on": int((np.diff(episode["index"]) != 1).sum()),
        "timestamp is frame / fps": int((np.abs(episode["timestamp"] - rows / dataset.fps) > 0.5 / dataset.fps).sum()),
        "numbers are finite": sum(
            int((~np.isfinite(v.reshape(length, -1))).any(1).sum())
            for v in episode.columns.values()
            if v.dtype.kind == "f"
        ),
    }
    if CLOCK in episode.columns:
        broken["clock does not go back"] = int((np.diff(episode[CLOCK]) < 0).sum())
    state, action = dataset.features.get("observation.state"), dataset.features.get("action")
    if CLOCK in episode.columns and state is not None and action is not None and state.names == action.names:
        last = np.concatenate([np.zeros_like(episode["action"][:1]), episode["action"][:-1]])
        broken["state is the last command"] = int((episode["observation.state"] != last).any(1).sum())
    return broken


def _images(episode: Episode, dataset: EpisodeDataset, camera: str) -> tuple[int, int]:
    """Count the frames that are unreadable or of another size, and those equal to the previous one."""
    shape, before = dataset.features[camera].shape, None
    wrong = same = 0
    if dataset.features[camera].dtype == "video":
        try:
            frames = episode.images(camera)
        except (DatasetError, FileNotFoundError):
            return len(episode), 0
        size = 0 if frames.shape[1:] == shape else len(frames)
        return size, int((frames[1:] == frames[:-1]).all((1, 2, 3)).sum())
    for row in range(len(episode)):
        content = episode.encoded(camera, row)
        same += content == before
        before = content
        try:
            wrong += (
                images.resize(images.check(content), *shape[:2]).shape != shape or images.decode(content).shape != shape
            )
        except InputError:
            wrong += 1
    return wrong, same
