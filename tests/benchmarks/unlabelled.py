"""Measures what alignment with unlabelled frames does to policies that no recorded action has taught.

    .venv/bin/python tests/benchmarks/unlabelled.py POLICY ... --recordings LEARN[:TEST] ... [--drive 40]

Every policy is aligned with the frames of LEARN, without their actions, by each method; and is compared with itself on
TEST, or on the second half (by time blocks, or sessions) of LEARN. Lines of cells that are finished are kept in the
folder, so that the same command resumes. --drive also drives on the rehearsal car, for policies that are aligned with a
recording called `rehearsal`.
"""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alignments import align_channels, align_views
from policies.policy import Policy
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.evaluation.rehearsal import evaluate_on_rehearsal
from sim2real.evaluation.simulation import paired_difference
from sim2real.files import read_json, write_json
from sim2real.recordings.frames import Frames
from sim2real.transfer.fitting.batches import Simulated
from sim2real.transfer.fitting.unlabelled import align_unlabelled
from sim2real.transfer.frames.reading import read_apart, read_recordings
from sim2real.transfer.frames.simulated import SIMULATED, simulated_frames

METRICS = ("gain_free_mae", "correlation", "mae")
Align = Callable[[Policy, Simulated, np.ndarray, int], Policy]

METHODS: dict[str, Align] = {
    "channels": lambda policy, simulated, recorded, seed: align_channels(policy, simulated.images, recorded),
    "subspace": lambda policy, simulated, recorded, seed: align_unlabelled(policy, simulated, recorded, True, seed),
    "vicreg": lambda policy, simulated, recorded, seed: align_views(policy, simulated.images, recorded, seed),
}
WITHOUT_CHANCE = ("channels",)


def split(recording: str, policy: Policy) -> tuple[Frames, Frames]:
    """Return the frames to align with and those to judge on, of LEARN:TEST or of the halves of LEARN."""
    learn, _, test = recording.partition(":")
    if test:
        return read_apart(learn, test, policy.config, None)[0]
    frames, _ = read_recordings(learn, policy.config, None)
    units = frames.units()
    first, second = units.sides(range(len(units) // 2, len(units)))
    return frames.select(first), frames.select(second)


def thinned(frames: Frames, most: int) -> Frames:
    """Return at most this many frames, spread evenly."""
    return frames.limited(most, np.random.default_rng(0))


def aligned(policy: Policy, simulated: Simulated, recorded: np.ndarray, seeds: int) -> Iterator[tuple[str, Policy]]:
    """Yield the method and policy of every fit."""
    for name, align in METHODS.items():
        for seed in range(1 if name in WITHOUT_CHANCE else seeds):
            yield name, align(policy, simulated, recorded, seed)


def compare(policy: Policy, folder: Path, recording: str, seeds: int, drive: int) -> dict[str, Any]:
    """Return the figures of one cell: each method's metrics, and their paired differences from zero-shot."""
    learned, judged = split(recording, policy)
    recorded, test = thinned(learned, SIMULATED).images, thinned(judged, SIMULATED)
    simulated = simulated_frames(policy, SIMULATED, folder)
    predictions = {"zero-shot": [predict_judged(policy, test)]}
    driven = {"zero-shot": policy}
    for name, model in aligned(policy, simulated, recorded, seeds):
        predictions.setdefault(name, []).append(predict_judged(model, test))
        driven.setdefault(name, model)
    agreement, start = agreement_on(test), np.stack(predictions["zero-shot"])
    rows = {}
    for name, each in predictions.items():
        values = np.stack(each)
        figures = {metric: e.to_dict() for metric, e in agreement.measure(values, METRICS).items()}
        rows[name] = figures | {f"{m} difference": agreement.difference(values, start, m).to_dict() for m in METRICS}
    cell = {"frames": len(test), "units": str(agreement.units), "rows": rows}
    return cell | {"driven": _driven(driven, drive)} if drive and "rehearsal" in recording else cell


def _driven(policies: dict[str, Policy], episodes: int) -> dict[str, Any]:
    """Return successes of each policy (its first seed) in the same episodes, and the difference from zero-shot."""
    results = dict(zip(policies, evaluate_on_rehearsal(list(policies.values()), episodes), strict=True))
    figures = {}
    for name, result in results.items():
        difference = paired_difference(results["zero-shot"], result)
        interval = None if difference is None else [difference.value, difference.low, difference.high]
        figures[name] = {"success": int(result.success.sum()), "episodes": episodes, "difference": interval}
    return figures


def lines(title: str, cell: dict[str, Any]) -> list[str]:
    """Return a Markdown table of one cell."""
    head = f"| method | {' | '.join(METRICS)} | gain_free_mae, difference from zero-shot |"
    table = [f"## {title} ({cell['frames']} frames, {cell['units']})", "", head, "|---" * (len(METRICS) + 2) + "|"]
    for name, row in cell["rows"].items():
        values = [f"{row[metric]['value']:.4f}" for metric in METRICS]
        table.append(f"| {name} | {' | '.join(values)} | {_interval(row['gain_free_mae difference'])} |")
    for name, row in cell.get("driven", {}).items():
        table.append(f"- {name} on the rehearsal car: {row['success']} of {row['episodes']}, {row['difference']}")
    return [*table, ""]


def _interval(estimate: dict[str, float | None]) -> str:
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    return f"{value:+.4f}" if low is None else f"{value:+.4f} [{low:+.4f}, {high:+.4f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("policies", nargs="+", type=Path, metavar="POLICY")
    parser.add_argument("--recordings", nargs="+", required=True, metavar="LEARN[:TEST]")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--drive", type=int, default=0, metavar="EPISODES")
    parser.add_argument("--out", type=Path, default=Path("runs/unlabelled"), metavar="FOLDER")
    options = parser.parse_args()
    torch.set_num_threads(1)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "unlabelled.json"
    cells: dict[str, Any] = read_json(path) if path.exists() else {}
    for checkpoint in options.policies:
        folder = policy_folder(checkpoint)
        for recording in options.recordings:
            title = f"{checkpoint.name} on {' -> '.join(Path(part).name for part in recording.split(':'))}"
            if title not in cells:
                cells[title] = compare(load_policy(folder), folder, recording, options.seeds, options.drive)
                write_json(path, cells)
            print("\n".join(lines(title, cells[title])), flush=True)


if __name__ == "__main__":
    main()
