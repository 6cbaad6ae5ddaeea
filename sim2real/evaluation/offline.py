# pyright: reportArgumentType=false, reportIndexIssue=false
"""Predictions of a policy on recorded frames, and their agreement with the recorded actions."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from policies.policy import Policy
from sim2real.errors import DatasetError, InputError
from sim2real.progress import Progress, silent
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import Agreement, Estimate
from sim2real.statistics.units import Units

BATCH = 64  # frames at a time: activations of 512 do not stay in the cache, and take twice as long


def predict(
    policy: Policy,
    images: np.ndarray,
    state: np.ndarray | None = None,
    batch: int = BATCH,
    progress: Progress = silent,
    clip: bool = True,
) -> np.ndarray:
    """Return actions (n, A) float32 in [-1, 1] for images (n, h, w, 3) uint8 of the network's size.

    Args:
        clip: clip to [-1, 1], as when the policy acts; False: the head's output, which a folded gain may scale beyond.
        state: (n, S) float32 input besides the images; None: no state.

    Raises:
        InputError: the policy needs a state beside its images, or images of another type or size.
    """
    if bool(policy.config.heads.state) != (state is not None):
        needs = "needs a state beside its images" if state is None else "takes images only, but was given a state"
        raise InputError(f"the policy {needs}")
    device = next(policy.parameters()).device
    actions = [np.zeros((0, len(policy.config.action_names)), np.float32)]
    with torch.inference_mode():
        for first in range(0, len(images), batch):
            # Only the action head: auxiliary maps would cost as much as the encoder. A copy, as torch refuses
            # read-only arrays.
            features = policy.features(torch.tensor(images[first : first + batch]).to(device))
            state_batch = None if state is None else torch.tensor(state[first : first + batch]).to(device)
            output = policy.heads.action(policy.heads.trunk(features), state_batch)
            actions.append((output.clamp(-1, 1) if clip else output).cpu().numpy())
            progress(min(first + batch, len(images)), len(images))
    return np.concatenate(actions)


def predict_judged(policy: Policy, frames: Frames, clip: bool = True) -> np.ndarray:
    """Return predictions (n, J) of the actions that policies are tested on, like `Frames.done`."""
    return predict(policy, frames.images, frames.state, clip=clip)[:, list(frames.judged)]


def agreement_on(frames: Frames) -> Agreement:
    """Return the Agreement for predictions (n, J) of the tested actions, or (S, n, J) of S seeds."""
    return Agreement(frames.done, frames.episode, criterion=frames.criterion, units=frames.units())


@dataclass(frozen=True)
class ActionComparison:
    """Agreement of predictions with recorded actions, for one action or several together.

    Attributes:
        action: name of the action or actions.
        columns: indices among the policy's actions.
        metrics: metrics by candidate ("policy"; "zero" and "mean", which always predict that value).
        gains: (J, 2) fitted gain and offset of each action: actual = gain * predicted + offset.
        per_episode: "episode", "frames" and metrics of each episode, the longest first; None where undefined.
        frames: number of frames with a known action.
        units: units of these frames, for the intervals.
    """

    action: str
    columns: tuple[int, ...]
    metrics: dict[str, dict[str, Estimate]]
    gains: np.ndarray
    per_episode: list[dict[str, Any]]
    frames: int
    units: Units

    @property
    def gain(self) -> float:
        """Return the gain of a single action."""
        return float(self.gains[0, 0])

    @property
    def offset(self) -> float:
        """Return the offset of a single action."""
        return float(self.gains[0, 1])

    def rescaled(self, predicted: np.ndarray) -> np.ndarray:
        """Return predictions (n, A) of these actions after the fitted gains, (n, J)."""
        return self.gains[:, 0] * predicted[:, list(self.columns)] + self.gains[:, 1]


def compare_with_recording(frames: Frames, predicted: np.ndarray, names: tuple[str, ...]) -> list[ActionComparison]:
    """Compare predictions (n, A) with the recorded actions; actions that the recording lacks are left out.

    The first comparison is of the judged actions together. Further comparisons are of single actions: the other ones
    and, if several are judged, each of these.

    Raises:
        DatasetError: the recording lacks a judged action.
    """
    known = np.isfinite(frames.actions).any(0)
    missing = [names[k] for k in frames.judged if not known[k]]
    if missing:
        present = [name for name, has_value in zip(names, known, strict=True) if has_value]
        raise DatasetError(f"the dataset has no action named {', '.join(missing)}, only {', '.join(present)}")
    single = [(k,) for k in np.flatnonzero(known).tolist() if (k,) != frames.judged]
    return [_compared(frames, predicted, columns, names) for columns in (frames.judged, *single)]


def judged_label(judged: tuple[int, ...], names: tuple[str, ...]) -> str:
    """Return a name for the judged actions, such as the action's own name."""
    if len(judged) == len(names) > 1:
        return f"all {len(names)} actions"
    return ", ".join(names[k] for k in judged)


def _compared(
    frames: Frames, predicted: np.ndarray, columns: tuple[int, ...], names: tuple[str, ...]
) -> ActionComparison:
    actual, chosen = frames.actions[:, list(columns)], predicted[:, list(columns)]
    agreement = Agreement(actual, frames.episode, criterion=frames.criterion, units=frames.units())
    mean = np.broadcast_to([column[np.isfinite(column)].mean() for column in actual.T], actual.shape)
    candidates = {"policy": chosen, "zero": np.zeros(actual.shape), "mean": mean}
    each = sorted(agreement.per_episode(chosen), key=lambda row: -row["frames"])
    rows = [{key: value if np.isfinite(value) else None for key, value in row.items()} for row in each]
    metrics = {name: agreement.measure(values) for name, values in candidates.items()}
    label, gains = judged_label(columns, names), agreement.fitted(chosen)
    return ActionComparison(label, columns, metrics, gains, rows, len(agreement), agreement.units)


def plain(metrics: dict[str, Estimate]) -> dict[str, dict[str, float | None]]:
    """Return metrics for JSON, with None for undefined values (the correlation of a constant)."""
    return {
        name: {key: value if value is not None and np.isfinite(value) else None for key, value in e.to_dict().items()}
        for name, e in metrics.items()
    }


def worst_rows(error: np.ndarray, episode: np.ndarray, row: np.ndarray, count: int, apart: int) -> np.ndarray:
    """Return indices of the `count` largest errors (n,), at least `apart` rows from each other in an episode."""
    return _apart(np.abs(error), episode, row, count, apart)


def typical_rows(error: np.ndarray, episode: np.ndarray, row: np.ndarray, count: int, apart: int) -> np.ndarray:
    """Return indices of the errors closest to the median, spaced as in `worst_rows`."""
    size = np.abs(error)
    middle = float(np.nanmedian(size)) if np.isfinite(size).any() else 0.0
    return _apart(-np.abs(size - middle), episode, row, count, apart)


def _apart(score: np.ndarray, episode: np.ndarray, row: np.ndarray, count: int, apart: int) -> np.ndarray:
    """Return indices of the `count` largest scores (n,), except NaN, at least `apart` rows from each other.

    Without the distance, all frames would show the same moment.
    """
    chosen: list[int] = []
    for k in np.argsort(-np.nan_to_num(score, nan=-np.inf), kind="stable"):
        if len(chosen) == count or not np.isfinite(score[k]):
            break
        if all(episode[k] != episode[c] or abs(int(row[k]) - int(row[c])) >= apart for c in chosen):
            chosen.append(int(k))
    return np.array(chosen, int)
