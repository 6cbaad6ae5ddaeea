"""Refit of the chosen candidate on all episodes, including the test episodes."""

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
    """A policy that learned from all recordings, by a procedure that was judged on held-out ones."""

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
    """Train by the plan on all frames, with the seeds and the share of the schedule of the judged policy.

    Args:
        name: name of the candidate, for the folders of its fits.
        fits: fits by seed, which `judged` combines.
        material: its training data.
        judged_by: the test frames.
        folder: folder of the fits.
    """
    frames = joined(material.frames, judged_by)
    everything = dataclasses.replace(material, frames=frames)
    jobs = [Job(f"refit-{name}-{seed}", everything, plan, seed, fits[seed].share) for seed in judged.seeds]
    done = run_jobs(jobs, folder, progress)
    policy = averaged([done[job.name].policy for job in jobs])
    return Refitted(policy, len(frames), len(frames.episodes))


def joined(first: Frames, second: Frames) -> Frames:
    """Join frames of different episodes, in the order of their numbers."""
    names = [field.name for field in dataclasses.fields(first)]
    arrays = {name: (getattr(first, name), getattr(second, name)) for name in names}
    stacked = {name: np.concatenate(pair) for name, pair in arrays.items() if isinstance(pair[0], np.ndarray)}
    both = dataclasses.replace(first, **stacked)
    return both.select(np.lexsort((both.row, both.episode)))
