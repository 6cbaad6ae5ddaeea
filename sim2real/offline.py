"""What a policy would have done on recorded frames, and how that agrees with what people did."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from policies.policy import Policy
from sim2real.agreement import Agreement, Estimate, fitted_gain
from sim2real.datasets.files import DatasetError
from sim2real.frames import Frames


def predict(
    policy: Policy,
    images: np.ndarray,
    batch: int = 512,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> np.ndarray:
    """Actions (n, A) float32 in [-1, 1] for images (n, h, w, 3) uint8 of the network's size.

    Raises:
        ValueError: the policy needs a state beside its images, or images of another type or size.
    """
    if policy.config.heads.state:
        raise ValueError("the policy needs a state beside its images: it cannot be judged on recorded images alone")
    device = next(policy.parameters()).device
    actions = [np.zeros((0, len(policy.config.action_names)), np.float32)]
    with torch.inference_mode():
        for first in range(0, len(images), batch):
            # The action head alone: auxiliary maps would cost as much as the encoder. A copy, as torch wants no
            # read-only array.
            features = policy.features(torch.tensor(images[first : first + batch]).to(device))
            actions.append(policy.heads.action(policy.heads.trunk(features), None).clamp(-1, 1).cpu().numpy())
            progress(min(first + batch, len(images)), len(images))
    return np.concatenate(actions)


@dataclass(frozen=True)
class Findings:
    """How predictions of one action agree with what was done.

    Attributes:
        action: its name.
        metrics: by arm ("policy"; "zero" and "mean", which predict just that), by metric.
        gain, offset: actual = gain * predicted + offset, fitted in hindsight.
        per_episode: "episode", "frames" and metrics of each episode, the longest first; None where undefined.
        frames: on which the action is known.
    """

    action: str
    metrics: dict[str, dict[str, Estimate]]
    gain: float
    offset: float
    per_episode: list[dict[str, Any]]
    frames: int


def judge(frames: Frames, predicted: np.ndarray, names: tuple[str, ...]) -> list[Findings]:
    """Compare predictions (n, A) with what was done, action by action; those that the recording lacks are left out.

    The first action is the one that a policy is judged by.

    Raises:
        DatasetError: the recording lacks the first action.
    """
    known = np.isfinite(frames.actions)
    if not known[:, 0].any():
        present = [name for name, column in zip(names, known.T, strict=True) if column.any()]
        raise DatasetError(f"the dataset has no action named {names[0]}, only {', '.join(present)}")
    return [_one(frames, predicted[:, k], k, names[k]) for k in np.flatnonzero(known.any(0))]


def _one(frames: Frames, predicted: np.ndarray, k: int, name: str) -> Findings:
    actual = frames.actions[:, k]
    known = np.isfinite(actual)
    agreement = Agreement(actual, frames.episode)
    mean = np.full(len(actual), actual[known].mean())
    arms = {"policy": predicted, "zero": np.zeros(len(actual)), "mean": mean}
    gain, offset = fitted_gain(predicted[known].astype(np.float64), actual[known].astype(np.float64))
    each = sorted(agreement.per_episode(predicted), key=lambda row: -row["frames"])
    rows = [{key: value if np.isfinite(value) else None for key, value in row.items()} for row in each]
    metrics = {arm: agreement.measure(values) for arm, values in arms.items()}
    return Findings(name, metrics, gain, offset, rows, int(known.sum()))


def plain(metrics: dict[str, Estimate]) -> dict[str, dict[str, float | None]]:
    """For JSON, which has no NaN: None where a metric is undefined (the correlation of a constant)."""
    return {
        name: {key: value if value is not None and np.isfinite(value) else None for key, value in e.to_dict().items()}
        for name, e in metrics.items()
    }


def worst_rows(error: np.ndarray, episode: np.ndarray, row: np.ndarray, count: int, apart: int) -> np.ndarray:
    """Indices of the `count` largest errors (n,), at least `apart` rows from each other within an episode.

    Frames follow each other closely: without the distance all would show one and the same moment.
    """
    chosen: list[int] = []
    for k in np.argsort(-np.nan_to_num(np.abs(error), nan=-1.0), kind="stable"):
        if len(chosen) == count or not np.isfinite(error[k]):
            break
        if all(episode[k] != episode[c] or abs(int(row[k]) - int(row[c])) >= apart for c in chosen):
            chosen.append(int(k))
    return np.array(chosen, int)
