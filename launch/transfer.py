"""What `adapt`, `probe` and `ladder` share: reading a policy and recordings."""

from pathlib import Path

from launch.console import say
from policies.policy import Policy
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.progress import Progress, Stages
from sim2real.recordings.frames import Frames, read_frames
from sim2real.reports.lines import saturation_line
from sim2real.transfer.batches import Simulated
from sim2real.transfer.simulated import SIMULATED, simulated_frames


def read(dataset: str, policy: Policy, smooth: float | None, report: Progress) -> Frames:
    """Frames of a dataset, or of some of its episodes; says what was left out."""
    opened = EpisodeDataset.open(dataset)
    frames = read_frames(opened, policy.config, smooth, report)
    for reason, count in frames.skipped.items():
        say(f"{dataset}: {count} frames left out: {reason}")
    if line := saturation_line(frames.saturation(policy.config.action_names), len(frames)):
        say(f"{dataset}: {line}")
    return frames


def check_apart(learned: str, judged: str) -> bool:
    """Whether both are episodes of one dataset, of which some may follow each other.

    Raises:
        DatasetError: episodes that are learned from would be judged by, too.
    """
    ours, theirs = EpisodeDataset.open(learned), EpisodeDataset.open(judged)
    both = sorted(set(ours.indices.tolist()) & set(theirs.indices.tolist()))
    same = ours.root.resolve() == theirs.root.resolve()
    if same and both:
        which = ", ".join(map(str, both[:5])) + (", …" if len(both) > 5 else "")
        raise DatasetError(f"episodes {which} of {ours.root} would be both learned from and judged by: choose others")
    return same


def simulate(policy: Policy, folder: Path, stage: Stages, count: int = SIMULATED) -> Simulated:
    """Frames of the worlds that a policy was pretrained in."""
    report = stage("look into the simulator")
    return simulated_frames(policy, count, folder, progress=report)


def described(name: str, frames: Frames) -> str:
    """A dataset in one line."""
    smoothed = f"actions averaged ± {frames.smoothing:g} s" if frames.smoothing else "actions as they were given"
    return f"{name}: {len(frames)} frames, {len(frames.episodes)} episodes, {frames.units()}, {smoothed}"
