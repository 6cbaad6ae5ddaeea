"""Editing of datasets: episodes left out, cut or joined to others, always into a new folder."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from sim2real.datasets.checksums import write_listed_json
from sim2real.datasets.edit_config import EditConfig
from sim2real.datasets.lerobot.dataset import EpisodeDataset
from sim2real.datasets.lerobot.episode import Episode
from sim2real.datasets.lerobot.features import INDICES, Feature
from sim2real.datasets.lerobot.rows import EncodedImage
from sim2real.datasets.lerobot.writer import EpisodeWriter
from sim2real.errors import DatasetError, InputError
from sim2real.files.folders import new_folder
from sim2real.progress import Progress, silent

REPORT = "edit_report.json"
_BATCH = 16  # episodes per file


def edit_dataset(source: Path, destination: Path, config: EditConfig, progress: Progress = silent) -> dict[str, Any]:
    """Write the episodes that are left, cut where wanted, and those of another dataset; returns the report.

    Image files are copied unchanged; frames of videos become image files, since a cut video would have to be encoded
    again. The report tells where every episode came from.

    Raises:
        InputError: no such episode or frame, nothing left, or the destination exists.
        DatasetError: a dataset is damaged, or the other one is of another robot, rate or features.
        OSError: the disk is full; nothing is left behind.
    """
    datasets = [EpisodeDataset(source)] + ([] if config.merge is None else [EpisodeDataset(config.merge)])
    _check(datasets, config)
    first = datasets[0]
    own = {name: _still(feature) for name, feature in first.features.items() if name not in INDICES}
    robot = first.info.get("robot_type") or "unknown"
    pieces = list(_pieces(datasets, config))
    if not pieces:
        raise InputError(f"--delete leaves no episode of {source}")
    with new_folder(destination) as folder:
        with EpisodeWriter(folder, own, first.fps, robot_type=robot, flush_every=_BATCH) as writer:
            for done, (k, number, start, stop) in enumerate(pieces, 1):
                dataset, episode = datasets[k], datasets[k].episode(number)
                columns = {name: _column(episode, name, dataset.features[name], start, stop) for name in own}
                outcome = dataset.outcomes[number] if stop - start == len(episode) else None  # a part has none
                writer.save_columns(columns, episode.task, session=dataset.sessions[number], outcome=outcome)
                progress(done, len(pieces))
        report = {
            "format_version": 1,
            "kind": "edited",
            "sources": [each.root.resolve().name for each in datasets],
            "episodes": [
                {"source": k, "episode": number, "first": start, "frames": stop - start}
                for k, number, start, stop in pieces
            ],
        }
        write_listed_json(folder, REPORT, report)
    return report


def _check(datasets: list[EpisodeDataset], config: EditConfig) -> None:
    first, lengths = datasets[0], datasets[0].lengths
    for number in sorted({*config.deleted, *config.cuts}):
        if number >= len(lengths):
            raise InputError(f"{first.root} has no episode {number}: it has {len(lengths)}, from 0 on")
    for number, frames in config.cuts.items():
        if number in config.deleted:
            raise InputError(f"episode {number} is to be deleted and split: choose one")
        for frame in frames:
            if not 0 < frame < lengths[number]:
                raise InputError(f"episode {number} has {lengths[number]} frames: it cannot be split at {frame}")
    for other in datasets[1:]:
        for name, a, b in (
            ("robot", first.info.get("robot_type"), other.info.get("robot_type")),
            ("rate", first.fps, other.fps),
            ("features", sorted(first.features), sorted(other.features)),
        ):
            if a != b:
                raise DatasetError(f"{other.root} is not like {first.root}: {name} {b}, not {a}")
        for name, feature in first.features.items():
            if _still(feature) != _still(other.features[name]):
                raise DatasetError(f"{other.root} is not like {first.root}: {name} has another shape, type or names")


def _pieces(datasets: list[EpisodeDataset], config: EditConfig) -> Iterator[tuple[int, int, int, int]]:
    """Yield dataset, episode, first row and end of all that is kept."""
    for k, dataset in enumerate(datasets):
        for number, length in enumerate(dataset.lengths.tolist()):
            if k == 0 and number in config.deleted:
                continue
            ends = [0, *(config.cuts.get(number, []) if k == 0 else []), length]
            yield from ((k, number, start, stop) for start, stop in pairwise(ends))


def _still(feature: Feature) -> Feature:
    """Return a camera's feature as image files."""
    return Feature("image", feature.shape, feature.names) if feature.dtype == "video" else feature


def _column(episode: Episode, name: str, feature: Feature, start: int, stop: int) -> Any:
    """Return a feature's values in rows start … stop - 1."""
    if not feature.camera:
        return episode[name][start:stop]
    if feature.dtype == "video":
        return [EncodedImage.of(pixels) for pixels in episode.images(name)[start:stop]]
    return [EncodedImage.checked(episode.encoded(name, row)) for row in range(start, stop)]
