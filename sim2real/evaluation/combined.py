"""The trials of a session, each driven again on the rebuilt track, and the success rates that this gives."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from envs import make_task
from policies.policy import Policy
from sim2real.datasets import EpisodeDataset
from sim2real.evaluation.simulation import Episodes
from sim2real.evaluation.twins import drive_further, drive_twins, localized_starts
from sim2real.progress import Stages
from sim2real.statistics.suresim import SureSim, suresim
from sim2real.tracks.rebuilt import RebuiltTrack

FURTHER = 200  # simulated trials beside the paired ones


def combined_with_twins(
    track: RebuiltTrack,
    policies: Sequence[Policy],
    episodes: Sequence[Episodes],
    saved: Path,
    seed: int,
    stages: Stages,
) -> dict[int, SureSim]:
    """Return the success rate combined with simulated twins, by the policy's index; none where no trial has a twin.

    Every trial that counts is driven again on the rebuilt track from where it began, as long as it could last. Further
    simulated trials begin where the log's driver drove, at the trials' first speed: the person should have put the car
    there, too. If a trial is not found on the track, the combined rate is refused.

    Args:
        saved: dataset of the saved episodes.
        seed: of the simulated cars.

    Raises:
        InputError: frames of another camera than the track's, or a log that does not tell how the car steers.
    """
    starts = localized_starts(track, EpisodeDataset.open(saved), stages("find the trials on the track"))
    seconds = make_task(policies[0].config.task).spec.episode_seconds
    results: dict[int, SureSim] = {}
    for k, (policy, each) in enumerate(zip(policies, episodes, strict=True)):
        files = np.array([-1 if loop.get("file") is None else loop["file"] for loop in each.loops], int)
        counted = np.flatnonzero(each.completed & (files >= 0))
        placed = counted[np.isfinite(starts[files[counted]]).all(1)]
        if not len(placed):
            continue
        twins, others = stages(f"drive the twins of policy {k + 1}"), stages(f"drive further ones of policy {k + 1}")
        paired = drive_twins(track, policy, starts[files[placed]], seconds, seed, twins)
        speed = float(np.median(starts[files[placed], 3]))
        further = drive_further(track, policy, FURTHER, seconds, seed + len(paired), speed, others)
        result = suresim(each.success[placed], paired, further)
        if len(placed) < len(counted):  # who leaves the road at once is hard to find: an outcome
            lost = f"{len(counted) - len(placed)} of {len(counted)} trials were not found on the track"
            result = replace(result, refused=f"{lost}, and may be left out because of how they ended")
        results[k] = result
    return results
