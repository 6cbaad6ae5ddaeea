"""What `adapt` and `probe` share: reading a policy and recordings."""

from pathlib import Path

from launch.console import Report, say
from policies.policy import Policy
from sim2real.datasets import EpisodeDataset
from sim2real.frames import Frames, read_frames


def read(dataset: str, policy: Policy, smooth: float, report: Report) -> Frames:
    """Frames of a dataset, or of some of its episodes; says what was left out."""
    opened = EpisodeDataset.open(dataset)
    frames = read_frames(opened, policy.config, smooth, lambda done, total: report(done, total, {}))
    for reason, count in frames.skipped.items():
        say(f"{dataset}: {count} frames left out: {reason}")
    return frames


def described(name: str, frames: Frames) -> str:
    """A dataset in one line."""
    smoothed = f"actions averaged ± {frames.smoothing:g} s" if frames.smoothing else "actions as they were given"
    return f"{name}: {len(frames)} frames, {len(frames.episodes)} episodes, {smoothed}"


def short(dataset: str) -> str:
    """A dataset's name without its folder."""
    return Path(dataset).name
