"""Reading recordings for `adapt`, `probe` and `ladder`, with counts of the frames left out."""

from collections.abc import Mapping
from dataclasses import dataclass

from policies.policy import PolicyConfig
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.progress import Progress, silent
from sim2real.recordings.frames import Frames, read_frames
from sim2real.transfer.frames.folds import kept_apart


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
