"""Fitting what the gate chose once more, to the episodes that it was judged by, too."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from policies.policy import Policy
from sim2real.progress import Progress, silent
from sim2real.recordings.frames import Frames
from sim2real.transfer.fitting.combine import Combined, averaged
from sim2real.transfer.fitting.fit import Fitted
from sim2real.transfer.fitting.jobs import Job, run_jobs
from sim2real.transfer.fitting.learn import Material
from sim2real.transfer.fitting.plans import TransferPlan


@dataclass(frozen=True)
class Refitted:
    """A policy that learned from all recordings, by a procedure that was judged on a part of them."""

    policy: Policy
    frames: int
    episodes: int


def refit(
    name: str,
    plan: TransferPlan,
    judged: Combined,
    fits: Sequence[Fitted],
    material: Material,
    judged_by: Frames,
    folder: Path,
    progress: Progress = silent,
) -> Refitted:
    """Carry out the plan on all frames: with the seeds, and for the share of the schedule, that were judged.

    Args:
        name: of the candidate, for the folders of its fits.
        fits: by seed, of which `judged` is made.
        material: that it learned from.
        judged_by: further frames, that it was judged by.
        folder: where fits are kept.
    """
    frames = joined(material.frames, judged_by)
    everything = dataclasses.replace(material, frames=frames)
    jobs = [Job(f"refit-{name}-{seed}", everything, plan, seed, fits[seed].share) for seed in judged.seeds]
    done = run_jobs(jobs, folder, progress)
    policy = averaged([done[job.name].policy for job in jobs])
    return Refitted(policy, len(frames), len(frames.episodes))


def joined(first: Frames, second: Frames) -> Frames:
    """Join frames of different episodes of one dataset, in the dataset's order."""
    names = [field.name for field in dataclasses.fields(first)]
    arrays = {name: (getattr(first, name), getattr(second, name)) for name in names}
    stacked = {name: np.concatenate(pair) for name, pair in arrays.items() if isinstance(pair[0], np.ndarray)}
    both = dataclasses.replace(first, **stacked)
    return both.select(np.lexsort((both.row, both.episode)))
