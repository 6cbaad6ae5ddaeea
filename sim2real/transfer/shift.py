"""Shift between recordings and simulation for a pretrained policy, without training, and the plan it recommends."""

from dataclasses import dataclass

import numpy as np
import torch

from policies.policy import Policy
from policies.stages import STAGE_NAMES
from sim2real.evaluation.offline import agreement_on, predict_judged
from sim2real.recordings.frames import Frames
from sim2real.statistics.agreement import Estimate
from sim2real.training.losses import multi_task_loss
from sim2real.transfer.choose import AUTO
from sim2real.transfer.expectation import prior
from sim2real.transfer.fitting.batches import Simulated
from sim2real.transfer.fitting.fit import part_parameters
from sim2real.transfer.fitting.gain import with_gain
from sim2real.transfer.fitting.plans import PARTS, find_plan
from sim2real.transfer.gate import CALLED, unjudged

MOST = 1000  # frames looked at


@dataclass(frozen=True)
class DomainShift:
    """Shift between recordings and simulation in a policy's features, and the recommended plan.

    Attributes:
        frames, episodes: numbers of training frames and episodes.
        shift: stage -> difference of channel means between simulated and recorded frames, in standard deviations
            (Cohen's d), averaged over channels; needs no labels.
        usual: the same between two sets of simulated frames, the noise level.
        gradients: part -> norm of the loss gradient relative to that of the weights, after the gain.
        zero_shot: metrics of the judged actions.
        recommended: name of a plan, or of the reference if none is expected to be better.
        reason: reason for the recommendation.
    """

    frames: int
    episodes: int
    shift: dict[str, float]
    usual: dict[str, float]
    gradients: dict[str, float]
    zero_shot: dict[str, Estimate]
    recommended: str
    reason: str


def measure_shift(policy: Policy, frames: Frames, simulated: Simulated, seed: int = 0) -> DomainShift:
    """Compare recorded with simulated frames in the policy's features.

    Args:
        simulated: frames of the worlds that it was pretrained in.
    """
    random = np.random.default_rng(seed)
    sample = frames.select(np.sort(random.permutation(len(frames))[:MOST]))
    # By world, as frames of one world are similar.
    half = simulated.world % 2 == 0
    parts = (sample.images, simulated.images[half], simulated.images[~half])
    recorded, ours, others = (_channels(policy, images, k == 0) for k, images in enumerate(parts))
    shift = {name: _distance(recorded[name], np.concatenate([ours[name], others[name]])) for name in STAGE_NAMES}
    usual = {name: _distance(ours[name], others[name]) for name in STAGE_NAMES}
    zero_shot = agreement_on(frames).measure(predict_judged(policy, frames))
    gradients = _gradients(with_gain(policy, frames), sample)
    count, episodes = len(frames), len(frames.episodes)
    recommended, reason = recommend(count, shift, zero_shot["correlation"].value, unjudged(frames.criterion))
    return DomainShift(count, episodes, shift, usual, gradients, zero_shot, recommended, reason)


def recommend(frames: int, shift: dict[str, float], correlation: float, reference: str = "gain") -> tuple[str, str]:
    """Recommend what has the smallest expected error before anything is fitted (see `prior`), and say why.

    Args:
        reference: candidate that is recommended where no plan is expected to be better: gain, or zero-shot.
    """
    losses = {name: prior(find_plan(name), correlation, frames).loss for name in AUTO}
    best = min(losses, key=lambda name: losses[name])
    low = (shift["stem"] + shift["stage1"]) / 2
    seen = f"zero-shot correlation {correlation:.2f}, low stages shifted by {low:.2f} standard deviations"
    expected = ", ".join(f"{name} {loss:.2f}" for name, loss in losses.items())
    reason = f"{seen}, {frames} frames; expected errors relative to {CALLED.get(reference, reference)}: {expected}"
    return best if losses[best] < 1 else reference, reason


def _channels(policy: Policy, images: np.ndarray, recorded: bool) -> dict[str, np.ndarray]:
    """Return, by stage, (n, C) channel means over the image; only recorded images are aligned."""
    result: dict[str, list[np.ndarray]] = {name: [] for name in STAGE_NAMES}
    with torch.inference_mode():
        for part in torch.from_numpy(images).split(256):
            seen = policy.align(part) if recorded else part
            x = policy.features_of_aligned(seen, until=STAGE_NAMES[0])
            for k, name in enumerate(STAGE_NAMES):
                x = x if k == 0 else policy.encoder.forward_stages(x, after=STAGE_NAMES[k - 1], until=name)
                result[name].append(x.mean((2, 3)).numpy())
    return {name: np.concatenate(parts) for name, parts in result.items()}


def _distance(a: np.ndarray, b: np.ndarray) -> float:
    spread = np.sqrt((a.var(0) + b.var(0)) / 2)
    live = spread > 1e-6  # channels that are zero everywhere are not informative
    return float((np.abs(a.mean(0) - b.mean(0))[live] / spread[live]).mean()) if live.any() else 0.0


def _gradients(policy: Policy, frames: Frames) -> dict[str, float]:
    policy.requires_grad_(True)
    images, actions = torch.from_numpy(frames.images), torch.from_numpy(frames.actions)
    states = [None] * len(images.split(128)) if frames.state is None else torch.from_numpy(frames.state).split(128)
    parts = {name: list(part_parameters(policy, name)) for name in PARTS}
    policy.zero_grad()
    for x, state, y in zip(images.split(128), states, actions.split(128), strict=True):
        output = policy.heads.action(policy.heads.trunk(policy.features(x)), state)
        loss, _ = multi_task_loss({"action": output}, {"action": y}, {"action": 1.0})
        (loss * len(x) / len(images)).backward()

    def norm(values: list[torch.Tensor]) -> float:
        return float(torch.sqrt(sum(((v**2).sum() for v in values), torch.zeros(()))))

    return {
        name: norm([p.grad for p in parts[name] if p.grad is not None]) / norm([p.detach() for p in parts[name]])
        for name in PARTS
    }
