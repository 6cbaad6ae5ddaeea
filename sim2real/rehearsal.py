"""The rehearsal car: a stand-in for a real one, simulated but withheld, to be recorded and to be tested on.

Its camera gives whole frames (160x120) through a lens, under a light and with a sensor that pretraining never drew; its
steering pulls to one side (`envs/lane_follow/rehearsal.toml`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from envs import BatchEnv, LaneFollow, make_task
from envs.lane_follow.task import RECORDING
from policies.policy import Policy
from sim2real.datasets import EncodedImage, EpisodeWriter, Feature, camera_feature, images
from sim2real.datasets.files import new_folder
from sim2real.evaluation import TEST_SEED, Episodes, run_episodes
from sim2real.rehearsal_driver import RehearsalDriver

Progress = Callable[[int, int], None]

TASK, PRESET, CAMERA = "LaneFollow", "rehearsal", "front"
IMAGES, STATE, ACTION = f"observation.images.{CAMERA}", "observation.state", "action"
RECORDING_SEED = 20_000_000  # first seed of recordings
LONGEST = RECORDING.episode_seconds
SIDE_BY_SIDE = 16  # worlds: their frames wait in memory until an episode is complete


@dataclass(frozen=True)
class Recording:
    """What is recorded on the rehearsal car.

    Attributes:
        episodes: each on a layout drawn from those that nothing is tested on.
        seconds: length of an episode [s].
        seed: of the first episode; the next ones have the next seeds.
        task: what is done, in words.

    Raises:
        ValueError: no episode, one that is too short or too long, or a negative seed.
    """

    episodes: int = 20
    seconds: float = 20.0
    seed: int = RECORDING_SEED
    task: str = "follow the road"

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise ValueError(f"episodes must be at least 1, not {self.episodes}")
        if not 0.1 <= self.seconds <= LONGEST:
            raise ValueError(f"seconds must be from 0.1 to {LONGEST:g}, not {self.seconds:g}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, not {self.seed}")


def record(
    destination: Path, recording: Recording = Recording(), progress: Progress = lambda done, total: None
) -> list[int]:
    """Have the RehearsalDriver drive the rehearsal car, and write a LeRobot v3.0 dataset of it.

    Frame k has the whole frame of the camera (160x120, JPEG), as late as it arrives; `observation.state`: what was
    commanded at frame k-1 (zeros at the start); and `action`: steering (positive is right) and throttle as commanded
    then, in [-1, 1]. An episode whose car gets lost far off the road ends there. The same recording gives the same
    bytes.

    Args:
        destination: must not exist; what is interrupted leaves nothing.
        progress: called with (frames done, frames in all).

    Returns:
        The frames of each episode.

    Raises:
        DatasetError: the destination exists.
        OSError: the disk is full; nothing is left behind.
    """
    with new_folder(destination) as folder:
        task = make_task(TASK, "recording")
        names, lens = task.spec.action_names, task.spec.cameras[CAMERA].lens
        features = {
            IMAGES: camera_feature(lens.height, lens.width),
            STATE: Feature("float32", (len(names),), names),
            ACTION: Feature("float32", (len(names),), names),
        }
        rounds = -(-recording.episodes // SIDE_BY_SIDE)
        worlds = -(-recording.episodes // rounds)
        steps, lengths = round(recording.seconds / task.spec.control_dt), []
        env = BatchEnv(task, worlds, randomization=PRESET, observations=("state", f"images.{CAMERA}"))
        try:
            with EpisodeWriter(folder, features, 1 / task.spec.control_dt, robot_type="rehearsal-car") as writer:
                for k in range(rounds):
                    seeds = recording.seed + k * worlds + np.arange(worlds)
                    told = partial(_tell, progress, worlds, k * steps, rounds * steps)
                    for columns in _drive(env, seeds, steps, told)[: recording.episodes - k * worlds]:
                        writer.save_columns(columns, recording.task)
                        lengths.append(len(columns[ACTION]))
        finally:
            env.close()
    return lengths


def _tell(progress: Progress, worlds: int, before: int, total: int, step: int) -> None:
    progress(worlds * (before + step), worlds * total)


def _drive(env: BatchEnv, seeds: np.ndarray, steps: int, told: Callable[[int], None]) -> list[dict[str, list]]:
    """Columns of an episode per world, each up to where it ended."""
    assert isinstance(env.task, LaneFollow)
    observation, _ = env.reset(seed=seeds)
    driver, going = RehearsalDriver(env.task, seeds), np.ones(len(seeds), bool)
    columns: list[dict[str, list]] = [{IMAGES: [], STATE: [], ACTION: []} for _ in seeds]
    for step in range(steps):
        action = driver.act().astype(np.float32)
        for i in np.flatnonzero(going):
            image = observation[f"images.{CAMERA}"][i]
            columns[i][IMAGES].append(EncodedImage(images.encode(image, ".jpg"), image.shape))
            columns[i][STATE].append(observation["state"][i])
            columns[i][ACTION].append(action[i])
        observation, _, terminated, truncated, _ = env.step(action)
        going &= ~(terminated | truncated)
        told(step + 1)
    return columns


def evaluate_on_rehearsal(
    policies: Sequence[Policy],
    episodes: int,
    first_seed: int = TEST_SEED,
    progress: Progress = lambda done, total: None,
    *,
    device: str = "cpu",
) -> list[Episodes]:
    """Drive policies on the rehearsal car, on layouts that were never recorded; each meets the same episodes.

    They get what they would get of a real car: the camera's whole frame (160x120), which their own preprocessing crops
    and reduces.

    Args:
        progress: called with (steps done, steps at most), of all policies together.
        device: where frames are rendered.

    Raises:
        ValueError: no policy or no episode, policies of different tasks, a camera that the car does not have, or no
            such device.
    """
    if episodes < 1:
        raise ValueError(f"episodes must be at least 1, not {episodes}")
    tasks = sorted({policy.config.task for policy in policies})
    if len(tasks) != 1:
        raise ValueError(f"policies of one task can be compared, not of: {', '.join(tasks) or 'none'}")
    keys = sorted({policy.config.preprocessing.key for policy in policies})
    task = make_task(tasks[0], "rehearsal")
    env = BatchEnv(task, episodes, randomization=PRESET, observations=("state", *keys), device=device)
    results = []
    try:
        for k, policy in enumerate(policies):

            def report(done: int, total: int, before: int = k) -> None:
                progress(before * total + done, len(policies) * total)

            results.append(run_episodes(env, policy.act, first_seed, report))
    finally:
        env.close()
    return results
