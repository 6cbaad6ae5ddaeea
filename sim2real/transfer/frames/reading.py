"""Reading recordings for `adapt`, `probe` and `ladder`, with counts of the frames left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from policies.policy import PolicyConfig
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.progress import Progress, silent
from sim2real.recordings.frames import Frames, read_frames
from sim2real.recordings.unlabelled import read_unlabelled
from sim2real.statistics.units import JUDGING, between
from sim2real.transfer.frames.folds import kept_apart

APART = 1_000_000  # number of the first episode of a second dataset among the frames to learn from


@dataclass(frozen=True)
class Reading:
    """Statistics of reading a dataset or selected episodes.

    Attributes:
        dataset: the dataset, as the user named it.
        count: number of frames read.
        skipped: number of frames left out, by reason.
        saturated: number of frames by action whose label exceeds the policy's range.
    """

    dataset: str
    count: int
    skipped: Mapping[str, int]
    saturated: Mapping[str, int]


def read_recordings(
    dataset: str, policy: PolicyConfig, smooth: float | None, progress: Progress = silent
) -> tuple[Frames, Reading]:
    """Read a dataset or selected episodes; raises DatasetError as `read_frames`."""
    frames = read_frames(EpisodeDataset.open(dataset), policy, smooth, progress)
    return frames, Reading(dataset, len(frames), frames.skipped, frames.saturation(policy.action_names))


def read_interventions(
    dataset: str, policy: PolicyConfig, smooth: float | None, others: Sequence[str], progress: Progress = silent
) -> tuple[Frames, Reading]:
    """Read the frames of a session on a robot in which a person commanded it in place of a policy.

    Only these are labels (HG-DAgger, Kelly et al. 2019). Their episodes are numbered from `APART` on.

    Args:
        others: the datasets that are learned from, and judged on.

    Raises:
        DatasetError: as `read_frames`, or it is one of the others.
    """
    chosen = EpisodeDataset.open(dataset)
    if chosen.root.resolve() in [EpisodeDataset.open(other).root.resolve() for other in others]:
        raise DatasetError(f"{dataset} is learned from or judged on already: --interventions takes other recordings")
    frames = read_frames(chosen, policy, smooth, progress, by_hand=True)
    named = np.array([f"intervention {name}" for name in frames.session]) if frames.session is not None else None
    reading = Reading(dataset, len(frames), frames.skipped, frames.saturation(policy.action_names))
    return replace(frames, episode=APART + frames.episode, session=named), reading


def read_apart(
    learned: str,
    judged: str,
    policy: PolicyConfig,
    smooth: float | None,
    progress: tuple[Progress, Progress] = (silent, silent),
) -> tuple[tuple[Frames, Frames], tuple[Reading, Reading]]:
    """Read training and test recordings; if both are of one dataset, without frames near the split.

    Raises:
        DatasetError: episodes are in both; and as `read_frames`.
        InputError: both are of one dataset, and one side of the split is empty.
    """
    same = check_apart(learned, judged)
    frames, learned_reading = read_recordings(learned, policy, smooth, progress[0])
    test, judged_reading = read_recordings(judged, policy, smooth, progress[1])
    return kept_apart(frames, test) if same else (frames, test), (learned_reading, judged_reading)


def read_images(
    unlabelled: str, judged_in: str, judged: Frames | None, policy: PolicyConfig, progress: Progress = silent
) -> tuple[Frames, Reading]:
    """Read images without actions; of the dataset with the test frames, without these and frames near them.

    Args:
        judged_in: dataset that the test frames are of.
        judged: test frames; None if there are none.

    Raises:
        DatasetError: as `read_unlabelled`.
    """
    dataset = EpisodeDataset.open(unlabelled)
    frames = read_unlabelled(dataset, policy, progress)
    reading = Reading(unlabelled, len(frames), frames.skipped, {})
    if judged is None or dataset.root.resolve() != EpisodeDataset.open(judged_in).root.resolve():
        return frames, reading
    return _without(frames, judged), reading


def _without(frames: Frames, judged: Frames) -> Frames:
    """Return the frames of a dataset without some that are judged, and without those within seconds of them."""
    theirs = set(zip(judged.episode.tolist(), judged.row.tolist(), strict=True))
    own = [pair not in theirs for pair in zip(frames.episode.tolist(), frames.row.tolist(), strict=True)]
    left = frames.select(np.array(own))
    sessions, times = ([getattr(part, name) for part in (left, judged)] for name in ("session", "time"))
    return left.select(~between(sessions, times, JUDGING.averaged(judged.smoothing).guard)[0])


def check_apart(learned: str, judged: str) -> bool:
    """Check that no episode is in both, and return whether both are of one dataset.

    Raises:
        DatasetError: episodes are in both.
    """
    ours, theirs = EpisodeDataset.open(learned), EpisodeDataset.open(judged)
    both = sorted(set(ours.indices.tolist()) & set(theirs.indices.tolist()))
    same = ours.root.resolve() == theirs.root.resolve()
    if same and both:
        which = ", ".join(map(str, both[:5])) + (", …" if len(both) > 5 else "")
        raise DatasetError(f"episodes {which} of {ours.root} are used for both training and testing: choose others")
    return same
