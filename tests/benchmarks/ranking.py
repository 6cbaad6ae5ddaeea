"""Ranks checkpoints by offline errors, by laps on a rebuilt track, and by the true loop, which tells who is right.

    sim2real record datasets/layout_3 --on rehearsal --layout 3 --episodes 12
    sim2real reconstruct datasets/layout_3 --camera datasets/layout_3/truth/camera.json … --out tracks/layout_3
    .venv/bin/python tests/benchmarks/ranking.py tracks/layout_3 datasets/layout_3 --layout 3 --checkpoints A B C …

The truth is the share of episodes on the rehearsal car that succeed: the same layout, car and camera that the recording
is of. It is also compared with the mean return there, which differs where all succeed or none does. Episodes that are
done are kept in the folder, so that the same command resumes, and one with more episodes drives only those; the tables
are printed again after every few episodes of all checkpoints.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import torch

from policies.policy import Policy
from ranks import Score, offline_scores, ranked
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.datasets import EpisodeDataset
from sim2real.datasets.checksums import sha256
from sim2real.evaluation.naming import short_names
from sim2real.evaluation.offline import predict_judged
from sim2real.evaluation.rehearsal import evaluate_on_rehearsal
from sim2real.evaluation.simulation import TEST_SEED
from sim2real.files import read_json, write_json
from sim2real.recordings.frames import Frames, read_frames
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.driving.loop import draw_episodes, drive
from sim2real.tracks.driving.policy_driver import policy_driver
from sim2real.tracks.rebuilt import RebuiltTrack, read_track

BATCH = 4  # episodes of a part that is kept
TITLES = {
    "laps": "rebuilt track: laps without intervention",
    "interventions": "rebuilt track: interventions per lap",
    "mae": "MAE",
    "balanced_mae": "balanced MAE",
    "rmse": "RMSE",
    "relative": "thresholded relative error",
    "correlation": "correlation",
    "gain_free_mae": "gain-free MAE",
}
TRUTHS = {"success": "successes", "return": "mean return"}


class Recording:
    """The frames of a dataset, read once for all policies that see them alike."""

    def __init__(self, folder: Path) -> None:
        self._dataset, self._read = EpisodeDataset(folder), {}

    def frames(self, policy: Policy) -> Frames:
        config = policy.config
        key = config.preprocessing, config.encoder.size, config.action_names
        if key not in self._read:
            self._read[key] = read_frames(self._dataset, config)
        return self._read[key]


def offline(policy: Policy, recording: Recording) -> dict[str, Any]:
    """Return predicted and recorded steering, and the independent unit of each frame."""
    frames = recording.frames(policy)
    predicted, actual, unit = predict_judged(policy, frames)[:, 0], frames.done[:, 0], frames.units().index
    return {"predicted": predicted.round(5).tolist(), "actual": actual.round(5).tolist(), "unit": unit.tolist()}


def on_track(policy: Policy, track: RebuiltTrack, renderer: MapRenderer, laps: int, seed: int) -> dict[str, Any]:
    """Return whether each lap was clean, and its interventions."""
    driven = drive(policy_driver(policy, renderer), draw_episodes(track, laps, seed))
    return {"clean": driven.clean.tolist(), "interventions": driven.interventions.tolist()}


def in_truth(policy: Policy, layout: int, episodes: int, seed: int) -> dict[str, Any]:
    """Return success, return and steps of each episode on the rehearsal car."""
    (result,) = evaluate_on_rehearsal([policy], episodes, seed, layout=layout)
    return {"success": result.success.tolist(), "return": result.returns.tolist(), "steps": result.steps.tolist()}


def part(path: Path, settings: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what is measured, or was with the same settings."""
    if path.exists() and (kept := read_json(path))["settings"] == settings:
        return kept["figures"]
    figures = measure()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, {"settings": settings, "figures": figures})
    print(path, flush=True)
    return figures


def batches(count: int) -> list[tuple[int, int]]:
    """Return first seed and number of episodes of each batch."""
    return [(TEST_SEED + first, min(BATCH, count - first)) for first in range(0, count, BATCH)]


def measured(options: argparse.Namespace) -> Iterator[dict[str, dict[str, Any]]]:
    """Yield by checkpoint the parts "offline", "track", "truth", after every batch of episodes of all of them."""
    folders = [policy_folder(path) for path in options.checkpoints]
    names, policies, track = (
        short_names(folders),
        [load_policy(folder) for folder in folders],
        read_track(options.track),
    )
    recording, renderer = Recording(options.dataset), MapRenderer(track)
    drawn = {name: sha256(options.track / name) for name in ("track.json", "map.png")}
    rows: dict[str, dict[str, Any]] = {name: {"truth": {}, "track": {}} for name in names}

    def every(kind: str, settings: dict[str, Any], measure: Callable[[Policy], dict[str, Any]]) -> None:
        for name, folder, policy in zip(names, folders, policies, strict=True):
            path = options.out / "parts" / name.replace("/", "+") / f"{kind}.json"
            figures = part(path, {"checkpoint": str(folder), **settings}, partial(measure, policy))
            _append(rows[name].setdefault(kind.partition("-")[0], {}), figures)

    every("offline", {"dataset": str(options.dataset)}, lambda policy: offline(policy, recording))
    for laps, episodes in zip_longest(batches(options.laps), batches(options.episodes)):
        if laps is not None:
            seed, count = laps
            drive_laps = partial(on_track, track=track, renderer=renderer, laps=count, seed=seed)
            every(f"track-{seed}", {**drawn, "laps": count}, drive_laps)
        if episodes is not None:
            seed, count = episodes
            there = {"layout": options.layout, "episodes": count}
            every(f"truth-{seed}", there, partial(in_truth, **there, seed=seed))
        yield rows


def _append(columns: dict[str, list[Any]], more: dict[str, list[Any]]) -> None:
    for name, values in more.items():
        columns.setdefault(name, []).extend(values)


def scores(rows: dict[str, dict[str, Any]]) -> tuple[dict[str, Score], dict[str, Score]]:
    """Return the scores that predict, and those of the truth."""

    def gather(kind: str, column: str) -> np.ndarray:
        return np.array([row[kind][column] for row in rows.values()], float)

    actual, unit = (gather("offline", name)[0] for name in ("actual", "unit"))
    predicting = {
        "laps": Score.mean(gather("track", "clean"), 1),
        "interventions": Score.mean(-gather("track", "interventions"), 1),
        **offline_scores(gather("offline", "predicted"), actual, unit.astype(int), 2),
    }
    return predicting, {name: Score.mean(gather("truth", name), 3) for name in TRUTHS}


def table(rows: Sequence[str], predicting: dict[str, Score], truths: dict[str, Score]) -> list[str]:
    """Return every checkpoint's scores, the best first, as Markdown; errors without their minus."""
    names = [*(TRUTHS[name] for name in truths), *(TITLES[name] for name in predicting)]
    columns = [*(each.value for each in truths.values())]
    columns += [
        each.value if name in ("laps", "correlation") else 0.0 - each.value for name, each in predicting.items()
    ]
    order = np.lexsort([-column for column in reversed(columns[: len(truths)])])
    said = [f"| checkpoint | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    return said + [f"| {rows[k]} | {' | '.join(f'{column[k]:.3f}' for column in columns)} |" for k in order]


def lines(figures: dict[str, Any], truth: str, first: str) -> list[str]:
    """Return how well every score predicts the truth, as Markdown."""
    said = [f"## Against {TRUTHS[truth]} in the true loop", ""]
    said += [f"| score | Spearman (both) | (episodes) | MMRV (both) | {TITLES[first]} minus this, Spearman (both) |"]
    said += ["|---" * 5 + "|"]
    for name, row in figures.items():
        rho, apart = row["spearman"], row.get("difference")
        ends = "–" if rho["episodes"] is None else f"[{rho['episodes'][0]:.2f}, {rho['episodes'][1]:.2f}]"
        cells = [TITLES[name], _said(rho), ends, _said(row["mmrv"]), "–" if apart is None else _said(apart, "+")]
        said.append(f"| {' | '.join(cells)} |")
    return [*said, ""]


def _said(figure: dict[str, Any], sign: str = "") -> str:
    ends = figure["both"]
    return f"{figure['value']:{sign}.2f}" + ("" if ends is None else f" [{ends[0]:{sign}.2f}, {ends[1]:{sign}.2f}]")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("track", type=Path, help="folder of the track that was rebuilt from the recording")
    parser.add_argument("dataset", type=Path, help="recording of the layout")
    parser.add_argument("--layout", type=int, required=True, metavar="K", help="the recording's layout")
    parser.add_argument("--checkpoints", type=Path, nargs="+", required=True, metavar="POLICY")
    parser.add_argument("--laps", type=int, default=40, help="on the rebuilt track, of each")
    parser.add_argument("--episodes", type=int, default=24, help="in the true loop, of each")
    parser.add_argument("--out", type=Path, default=Path("runs/ranking"), metavar="FOLDER")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for rows in measured(options):
        predicting, truths = scores(rows)
        first = {"success": "laps", "return": "interventions"}
        figures = {truth: ranked(predicting, score, first[truth]) for truth, score in truths.items()}
        said = [f"{truths['success'].episodes} episodes, {predicting['laps'].episodes} laps of each", ""]
        said += [*table(list(rows), predicting, truths), ""]
        for truth in truths:
            said += lines(figures[truth], truth, first[truth])
        print("\n".join(said), flush=True)
        values = {name: each.value.tolist() for name, each in (*predicting.items(), *truths.items())}
        write_json(options.out / "ranking.json", {"checkpoints": list(rows), "values": values, "ranked": figures})


if __name__ == "__main__":
    main()
