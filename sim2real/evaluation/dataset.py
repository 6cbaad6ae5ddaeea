"""Comparison of a policy with recorded actions."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from policies.policy import Policy
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.datasets.files import write_tables
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.offline import ActionComparison, compare_with_recording, plain, predict
from sim2real.evaluation.results import DatasetEvaluation
from sim2real.progress import Stages, no_stages
from sim2real.recordings.frames import Frames, read_frames
from sim2real.runs import start_run


def evaluate_on_dataset(
    config: EvaluateConfig, policy: Policy, folder: Path, out: Path | None = None, stages: Stages = no_stages
) -> DatasetEvaluation:
    """Compare a policy with recorded actions; write metrics and predictions.

    Args:
        folder: folder of the policy.

    Raises:
        InputError: no dataset, or a recording that does not fit the policy.
    """
    dataset, names = EpisodeDataset.open(str(config.dataset)), policy.config.action_names
    if not len(dataset):
        raise DatasetError(f"{config.dataset} has no episodes yet")
    frames = read_frames(dataset, policy.config, config.smooth, stages("read"))
    compare_with_recording(frames, np.zeros_like(frames.actions), names)  # raises errors before anything is written
    run, config = start_run("evaluate", config, out, resume=False)
    predicted = predict(policy, frames.images, frames.state, progress=stages("predict"))
    comparisons = tuple(compare_with_recording(frames, predicted, names))
    saturation = frames.saturation(names)
    write_tables(run.folder / "predictions.parquet", [_predictions(frames, predicted, comparisons, names)])
    figures = _figures(dataset.root.resolve().name, frames, comparisons)
    run.write_metrics({"finished": True, "dataset": str(config.dataset), **figures, "saturated": saturation})
    parts = folder, names, frames, predicted, comparisons, saturation
    return DatasetEvaluation(run.folder, run.metrics, config, *parts)


def _figures(name: str, frames: Frames, comparisons: tuple[ActionComparison, ...]) -> dict[str, Any]:
    """Return the content of `metrics.json`, with the further actions nested by name.

    Args:
        name: name of the dataset.
    """
    main, *further = comparisons
    return {
        **_agreement(name, main),
        "action": main.action,
        "frames": len(frames),
        "episodes": len(frames.episodes),
        "unit": main.units.describe(),
        "skipped": frames.skipped,
        "smoothing": frames.smoothing,
        "further_actions": {comparison.action: _agreement(name, comparison) for comparison in further},
        "per_episode": main.per_episode,
    }


def _agreement(name: str, comparison: ActionComparison) -> dict[str, Any]:
    """Return metrics by candidate and dataset, and the gain if there is a single action."""
    candidates = {candidate: {name: plain(metrics)} for candidate, metrics in comparison.metrics.items()}
    single = len(comparison.columns) == 1
    gain = {"gain": {"gain": comparison.gain, "offset": comparison.offset}} if single else {}
    return {"candidates": candidates, **gain}


def _predictions(
    frames: Frames, predicted: np.ndarray, comparisons: tuple[ActionComparison, ...], names: tuple[str, ...]
) -> pa.Table:
    """Return predictions per frame: `actual` and `predicted` of the main action, with suffixes for others."""
    columns: dict[str, Any] = {"episode": frames.episode, "frame": frames.row}
    for k in dict.fromkeys(k for comparison in comparisons for k in comparison.columns):
        end = "" if (k,) == frames.judged else f"_{names[k]}"
        columns |= {f"actual{end}": frames.actions[:, k], f"predicted{end}": predicted[:, k]}
    return pa.table(columns)
