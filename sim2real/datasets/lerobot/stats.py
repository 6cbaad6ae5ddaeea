"""Statistics of columns, per episode and per dataset, in the layout of LeRobot v3.0."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim2real.datasets.lerobot.features import Feature

QUANTILES = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}
Stats = dict[str, np.ndarray]


def column_statistics(values: np.ndarray) -> Stats:
    """Return min, max, mean, std, count and quantiles over the rows of one episode's column (n, ...)."""
    values = np.asarray(values.reshape(len(values), -1) if values.ndim == 1 else values, np.float64)
    quantiles = np.quantile(values, list(QUANTILES.values()), axis=0)
    return {
        "min": values.min(0),
        "max": values.max(0),
        "mean": values.mean(0),
        "std": values.std(0),
        "count": np.array([len(values)]),
        **dict(zip(QUANTILES, quantiles, strict=True)),
    }


def sampled_rows(length: int) -> np.ndarray:
    """Return the frames for image statistics: length^0.75 of them, but at least 100 if available (as in LeRobot)."""
    count = min(length, max(100, int(length**0.75)))
    return np.unique(np.linspace(0, length - 1, count).round().astype(int))


def image_statistics(images: Sequence[np.ndarray]) -> Stats:
    """Return statistics of frames (H, W, 3) uint8 per channel, of shape (3, 1, 1) and scaled to [0, 1].

    Counts are numbers of frames. Histograms make the results exact for 8-bit pixels.
    """
    counts = np.zeros((3, 256))
    for image in images:
        for channel in range(3):
            counts[channel] += np.bincount(image[..., channel].reshape(-1), minlength=256)
    levels, total = np.arange(256.0), counts.sum(1, keepdims=True)
    mean = counts @ levels / total[:, 0]
    variance = (counts * (levels - mean[:, None]) ** 2).sum(1) / total[:, 0]
    share = counts.cumsum(1) / total
    at = {name: (share >= q - 1e-12).argmax(1) for name, q in {"min": 1e-300, **QUANTILES, "max": 1.0}.items()}
    values = {"min": at["min"], "max": at["max"], "mean": mean, "std": np.sqrt(variance)}
    values |= {name: at[name] for name in QUANTILES}
    stats = {name: (value / 255.0).reshape(3, 1, 1) for name, value in values.items()}
    return {**stats, "count": np.array([len(images)])}


def episode_statistics(columns: Mapping[str, Sequence[Any]], features: Mapping[str, Feature]) -> dict[str, Stats]:
    """Return statistics of all columns except texts; of cameras from a sample of frames."""
    stats = {}
    for name, feature in features.items():
        if name not in columns or feature.dtype == "string":
            continue
        rows = columns[name]
        if feature.camera:
            stats[name] = image_statistics([rows[k].pixels() for k in sampled_rows(len(rows))])
        else:
            stats[name] = column_statistics(np.asarray(rows, feature.dtype))
    return stats


def aggregate(parts: Sequence[Stats]) -> Stats:
    """Combine the statistics of episodes.

    Mean and standard deviation are exact; quantiles are averages over episodes weighted by count, as in LeRobot.
    """
    count = np.array([part["count"][0] for part in parts], np.float64)
    share = (count / count.sum()).reshape(-1, *[1] * parts[0]["mean"].ndim)

    def stacked(name: str) -> np.ndarray:
        return np.stack([part[name] for part in parts])

    mean = (share * stacked("mean")).sum(0)
    variance = (share * (stacked("std") ** 2 + (stacked("mean") - mean) ** 2)).sum(0)
    return {
        "min": stacked("min").min(0),
        "max": stacked("max").max(0),
        "mean": mean,
        "std": np.sqrt(variance),
        "count": np.array([int(count.sum())]),
        **{name: (share * stacked(name)).sum(0) for name in QUANTILES if all(name in part for part in parts)},
    }


def aggregate_all(episodes: Sequence[Mapping[str, Stats]]) -> dict[str, Stats]:
    """Apply `aggregate` to every feature for which all episodes have statistics."""
    names = [name for name in (episodes[0] if episodes else ()) if all(name in episode for episode in episodes)]
    return {name: aggregate([episode[name] for episode in episodes]) for name in names}


def nested_lists(stats: Mapping[str, Stats]) -> dict[str, Any]:
    """Return statistics for JSON, as nested lists."""
    return {name: {key: value.tolist() for key, value in entry.items()} for name, entry in stats.items()}


def arrays(stats: Mapping[str, Mapping[str, Any]]) -> dict[str, Stats]:
    """Return statistics from JSON, as arrays."""
    return {name: {key: np.asarray(value) for key, value in entry.items()} for name, entry in stats.items()}
