"""Compares tracks rebuilt from recordings of the rehearsal car with what is true of them.

    sim2real record datasets/layout_3 --on rehearsal --layout 3 --episodes 12
    sim2real reconstruct datasets/layout_3 --camera datasets/layout_3/truth/camera.json … --out tracks/layout_3
    .venv/bin/python tests/benchmarks/rebuilt_truth.py tracks/layout_3:datasets/layout_3 …

A map has no place in the world: it is moved onto the truth as a rigid body, so that the poses of its frames agree best
(sums of distances, so that lost frames do not count much); once more in its true size, which tells an error of shape
from one of scale. Intervals are 95 %, by bootstrap over episodes; there are none of fewer than five.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.collection.truth import FOLDER
from sim2real.datasets import EpisodeDataset
from sim2real.datasets.files import read_table
from sim2real.files import read_json, write_json
from sim2real.tracks.poses import applied, compose, relative, wrapped
from sim2real.tracks.rebuilding.vehicle import Response, response, vehicle

DRAWS, FEWEST = 400, 5
_SETTLED = 30  # rounds of the alignment


def aligned(points: np.ndarray, onto: np.ndarray) -> np.ndarray:
    """Return the pose (3,) that moves points (n, 2) onto others with the smallest sum of distances.

    Each round is the least-squares solution (Umeyama 1991, without scale) with weights 1 / distance (Weiszfeld).
    """
    pose, weight = np.zeros(3), np.ones(len(points))
    for _ in range(_SETTLED):
        w = weight[:, None] / weight.sum()
        a, b = points - (w * points).sum(0), onto - (w * onto).sum(0)
        dot, cross = (w * a * b).sum(), (w[:, 0] * (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])).sum()
        pose = np.array([0.0, 0.0, np.arctan2(cross, dot)])
        pose[:2] = (w * (onto - applied(pose, points))).sum(0)
        weight = 1 / np.maximum(np.linalg.norm(applied(pose, points) - onto, axis=1), 1e-3)
    return pose


def scale_of(points: np.ndarray, onto: np.ndarray) -> float:
    """Return how much larger the second points (n, 2) spread than the first, by the median over both ends of chords."""
    half = len(points) // 2
    chords = [np.linalg.norm(each[:half] - each[-half:], axis=1) for each in (points, onto)]
    long = chords[1] > 1.0
    return float(np.median(chords[1][long] / chords[0][long]))


def beside(points: np.ndarray, line: np.ndarray, closed: bool = True) -> np.ndarray:
    """Return the distances (n,) of points (n, 2) from a line through (P, 2)."""
    ends = np.roll(line, -1, 0) if closed else line[1:]
    start = line if closed else line[:-1]
    way = ends - start
    share = ((points[:, None] - start) * way).sum(-1) / np.square(way).sum(-1)
    nearest = start + np.clip(share, 0, 1)[..., None] * way
    return np.asarray(np.linalg.norm(points[:, None] - nearest, axis=-1).min(1))


def interval(
    figure: Callable[[np.ndarray], float], groups: np.ndarray
) -> tuple[float, float, float] | tuple[float, None, None]:
    """Return a figure of rows and its interval when whole groups (n,) are drawn anew; None of too few groups."""
    random, names = np.random.default_rng(0), np.unique(groups)
    if len(names) < FEWEST:
        return figure(np.arange(len(groups))), None, None
    rows = {name: np.flatnonzero(groups == name) for name in names}
    drawn = [figure(np.concatenate([rows[k] for k in random.choice(names, len(names))])) for _ in range(DRAWS)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    return figure(np.arange(len(groups))), float(low), float(high)


def true_responses(dataset: EpisodeDataset, truth: dict[tuple[int, int], np.ndarray]) -> list[Response]:
    """Return what the car truly did for its commands, from the poses that its frames show."""
    responses = []
    for episode in dataset:
        poses = np.array([truth[episode.index, frame] for frame in range(len(episode["action"]))])
        steps = relative(poses[:-1], poses[1:])
        responses.append(response(episode["action"][:, :2], steps, np.ones(len(steps)), dataset.fps))
    return responses


def compared(track: Path, recording: Path) -> dict[str, Any]:
    """Return all figures of one rebuilt track."""
    world, built = read_json(recording / FOLDER / "track.json"), read_json(track / "track.json")
    metrics, dataset = read_json(track / "metrics.json"), EpisodeDataset(recording)
    rows = read_table(recording / FOLDER / "poses.parquet").to_pydict()
    shown = np.column_stack([rows[f"shown_{name}"] for name in ("x", "y", "yaw")])
    truth = dict(zip(zip(rows["episode_index"], rows["frame_index"], strict=True), shown, strict=True))
    found = read_table(track / "poses.parquet").to_pydict()
    poses = np.column_stack([found[name] for name in ("x", "y", "yaw")])
    true = np.array([truth[key] for key in zip(found["episode_index"], found["frame_index"], strict=True)])
    world_from_map = aligned(poses[:, :2], true[:, :2])
    off = relative(true, compose(world_from_map, poses))
    episode, held = np.array(found["episode_index"]), np.array(found["held_out"], bool)
    line = applied(world_from_map, np.array(built["line"]["points"]))
    true_line = np.array(world["line"]["points"])
    closed = bool(built["line"]["closed"])
    scale = scale_of(poses[:, :2], true[:, :2])
    resized = applied(aligned(scale * poses[:, :2], true[:, :2]), scale * np.array(built["line"]["points"]))
    wrong, missing = beside(line, true_line), beside(true_line, line, closed)
    theirs = vehicle(true_responses(dataset, truth), dataset.fps)
    return {
        "frames": len(poses),
        "placed": len(poses) / dataset.frames,
        "closed": closed,
        "centre_line": {
            "samples": len(line),
            **_spread(wrong),
            "of_truth": _spread(missing),
            "in_true_size": _spread(beside(resized, true_line)),
        },
        "length": {"rebuilt": metrics["track"]["length"], "true": world["line"]["length"]},
        "width": {"rebuilt": built["line"]["width"], "true": world["line"]["width"]},
        "scale": scale,
        "poses": {name: _errors(off[which], episode[which]) for name, which in (("map", ~held), ("held out", held))},
        "vehicle": {
            name: {"rebuilt": figure, "true_motion": vars(theirs[name]), "known": world["car"].get(name)}
            for name, figure in metrics["vehicle"].items()
        },
    }


def _spread(error: np.ndarray) -> dict[str, float]:
    return {"median": float(np.median(error)), "p95": float(np.quantile(error, 0.95)), "largest": float(error.max())}


def _errors(off: np.ndarray, episode: np.ndarray) -> dict[str, Any]:
    """Return errors of poses in the true car's frame [m, m, rad]: their mean, and median and 95 % of their size."""
    figures: dict[str, Any] = {"frames": len(off), "episodes": len(np.unique(episode))}
    for k, name in enumerate(("along", "across", "yaw")) if len(off) else ():
        error = wrapped(off[:, k]) if name == "yaw" else off[:, k]
        size = np.abs(error)
        figures[name] = {
            "mean": float(error.mean()),
            "median": interval(lambda rows, size=size: float(np.median(size[rows])), episode),
            "p95": interval(lambda rows, size=size: float(np.quantile(size[rows], 0.95)), episode),
        }
    return figures


def lines(title: str, figures: dict[str, Any]) -> list[str]:
    """Return the figures of one track in words."""
    line, length, width = figures["centre_line"], figures["length"], figures["width"]
    of_truth, resized = line["of_truth"], line["in_true_size"]
    said = [
        f"{title}: {figures['frames']} frames placed ({100 * figures['placed']:.1f} %), closed: {figures['closed']}",
        f"  centre line: median {100 * line['median']:.1f} cm, 95 % {100 * line['p95']:.1f} cm, largest"
        f" {100 * line['largest']:.1f} cm of {line['samples']} samples; true line from it: median"
        f" {100 * of_truth['median']:.1f} cm, 95 % {100 * of_truth['p95']:.1f} cm",
        f"  centre line in its true size: median {100 * resized['median']:.1f} cm, 95 % {100 * resized['p95']:.1f} cm",
        f"  lap {length['rebuilt']:.2f} m, true {length['true']:.2f} m; width {width['rebuilt'] or float('nan'):.3f} m,"
        f" true {width['true']:.3f} m; true size / rebuilt size {figures['scale']:.4f}",
    ]
    for name, errors in figures["poses"].items():
        said.append(f"  poses, {name}: {errors['frames']} frames of {errors['episodes']} episodes")
        for axis in ("along", "across", "yaw"):
            if axis in errors:
                unit, factor = ("°", 180 / np.pi) if axis == "yaw" else ("cm", 100)
                parts = [f"mean {factor * errors[axis]['mean']:+.2f}"]
                for key in ("median", "p95"):
                    value, *ends = (factor * each for each in errors[axis][key] if each is not None)
                    parts.append(f"{key} {value:.2f}" + (f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else ""))
                said.append(f"    {axis}: {', '.join(parts)} {unit}")
    for name, each in figures["vehicle"].items():
        known = "–" if each["known"] is None else f"{each['known']:.3f}"
        said.append(
            f"  {name}: {_in_words(each['rebuilt'])}; true motion {_in_words(each['true_motion'])}; car {known}"
        )
    return said


def _in_words(figure: dict[str, float | None]) -> str:
    value, low, high = (figure[name] for name in ("value", "low", "high"))
    if value is None:
        return "–"
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pairs", nargs="+", metavar="TRACK:DATASET")
    parser.add_argument("--out", type=Path, help="JSON file with all figures")
    options = parser.parse_args()
    figures = {}
    for pair in options.pairs:
        track, _, recording = pair.partition(":")
        figures[pair] = compared(Path(track), Path(recording))
        print("\n".join(lines(Path(track).name, figures[pair])), flush=True)
    if options.out is not None:
        write_json(options.out, figures)


if __name__ == "__main__":
    main()
