"""Recording in simulation, with all data that an exact replay needs.

In addition to a robot's log, a frame has the full integration state (`sim.state`: mjSTATE_INTEGRATION, including
MuJoCo's history of commands) and the environment's action (`sim.action`); `meta/simulation.json` has the task, its
split, the randomization, the seed of each episode, MuJoCo's version and a hash of the compiled model.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from envs import BatchEnv, Randomization, make_task
from envs.batch_env import resolve_randomization
from sim2real.datasets import EncodedImage, EpisodeWriter, Feature, camera_feature, images
from sim2real.datasets.checksums import write_listed_json
from sim2real.errors import InputError
from sim2real.files import new_folder
from sim2real.progress import Progress, silent
from sim2real.recordings.origin import ACTION, INFO, STATE, Origin, model_hash
from sim2real.rehearsal.robot import boundary_of, measured
from sim2real.seeds import SIMULATED_RECORDING

SIDE_BY_SIDE = 16  # parallel worlds: their data stay in memory until an episode is complete

Act = Callable[[Mapping[str, np.ndarray]], np.ndarray]


@dataclass(frozen=True)
class SimulatedRecording:
    """Settings of a recording in simulation.

    Attributes:
        task: name of a registered task.
        episodes: number of episodes, one per seed.
        seed: seed of the first episode; later episodes have the next seeds.
        split: split of the task; that of recordings gives full camera frames.
        randomization: one of the task's presets by name, or a Randomization.
        images: whether frames are rendered and stored.
        by: name of the actor, stored with the dataset.

    Raises:
        InputError: no episode, or a negative seed.
    """

    task: str
    episodes: int = 10
    seed: int = SIMULATED_RECORDING.start
    split: str = "recording"
    randomization: Randomization | str = "none"
    images: bool = True
    by: str = "random actions"

    def __post_init__(self) -> None:
        if self.episodes < 1:
            raise InputError(f"episodes must be at least 1, not {self.episodes}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")


def random_actions(count: int, size: int, seed: int) -> Act:
    """Return smooth random actions (count, size) in [-1, 1], so that the robot moves far."""
    random, last = np.random.default_rng(seed), np.zeros((count, size))

    def act(observation: Mapping[str, np.ndarray]) -> np.ndarray:
        last[:] = np.clip(0.9 * last + random.normal(0, 0.3, last.shape), -1, 1)
        return last.astype(np.float32)

    return act


def record_in_simulation(
    destination: Path,
    recording: SimulatedRecording,
    act: Act | None = None,
    observations: tuple[str, ...] = (),
    progress: Progress = silent,
) -> tuple[Origin, list[int]]:
    """Write a LeRobot v3.0 dataset of simulated episodes that `replay --on sim` reproduces bit for bit.

    `action` and `observation.state` are in the units of the robot's recordings. The task ends each episode, which is
    its own session.

    Args:
        destination: must not exist; an interruption leaves nothing behind.
        act: observations of all worlds -> actions (n, A) in [-1, 1]; None: random actions.
        observations: the observations of `act`, keys as in BatchEnv.
        progress: called with (frames done, maximum number of frames).

    Returns:
        The content of `meta/simulation.json`, and the number of frames of each episode.

    Raises:
        DatasetError: the destination exists.
        InputError: an unknown task, split, preset or observation.
        OSError: the disk is full; nothing is left behind.
    """
    task = make_task(recording.task, recording.split)
    randomization = resolve_randomization(task.spec, recording.randomization)
    worlds = min(recording.episodes, SIDE_BY_SIDE)
    uncropped = [name for name, view in task.spec.cameras.items() if view.crop[2:] == view.size]
    cameras = tuple(uncropped if recording.images else ())
    keys = tuple(dict.fromkeys(("state", *observations, *(f"images.{name}" for name in cameras))))
    env = BatchEnv(task, worlds, randomization=randomization, observations=keys)
    features, robot_type = _features(env, cameras), boundary_of(task).robot_type
    origin = Origin(
        *(recording.task, recording.split, randomization, recording.by),
        *(version("mujoco"), model_hash(task.model)),
    )
    act = act or random_actions(worlds, len(task.spec.action_names), recording.seed)
    episodes: list[_Episode] = []
    limit = round(task.spec.episode_seconds / task.spec.control_dt)
    try:
        with new_folder(destination) as folder:
            with EpisodeWriter(folder, features, 1 / task.spec.control_dt, robot_type=robot_type) as writer:
                for first in range(0, recording.episodes, worlds):
                    seeds = recording.seed + first + np.arange(worlds)
                    wanted = min(worlds, recording.episodes - first)
                    report = _share(progress, first * limit, wanted, recording.episodes * limit)
                    for episode in _play(env, act, seeds, cameras, report)[:wanted]:
                        session = f"simulation {episode.seed}"
                        writer.save_columns(episode.columns, f"{task.spec.name}, simulated", session=session)
                        episode.columns.clear()
                        episodes.append(episode)
            columns = {name: tuple(getattr(e, name) for e in episodes) for name in ("seed", "success", "drawn")}
            origin = replace(origin, seeds=columns["seed"], success=columns["success"], drawn=columns["drawn"])
            write_listed_json(folder, INFO, origin.plain())
    finally:
        env.close()
    return origin, [episode.length for episode in episodes]


@dataclass
class _Episode:
    seed: int
    drawn: dict[str, float]
    columns: dict[str, list]
    success: bool = False
    length: int = 0


def _share(progress: Progress, before: int, worlds: int, total: int) -> Callable[[int], None]:
    """Return a callback that converts steps of parallel worlds into progress, after `before` finished steps."""
    return lambda step: progress(before + worlds * step, total)


def _features(env: BatchEnv, cameras: tuple[str, ...]) -> dict[str, Feature]:
    spec, boundary = env.task_spec, boundary_of(env.task)
    views = {name: spec.cameras[name].lens for name in cameras}
    return {
        **{f"observation.images.{name}": camera_feature(lens.height, lens.width) for name, lens in views.items()},
        "observation.state": Feature("float32", (len(boundary.state_names),), boundary.state_names),
        "action": Feature("float32", (len(boundary.action_names),), boundary.action_names),
        STATE: Feature("float64", (env.batch.nstate,)),
        ACTION: Feature("float32", (len(spec.action_names),), spec.action_names),
    }


def _play(
    env: BatchEnv, act: Act, seeds: np.ndarray, cameras: tuple[str, ...], report: Callable[[int], None]
) -> list[_Episode]:
    """Return an episode per world, each up to its end."""
    observation, _ = env.reset(seed=seeds.tolist())
    boundary, names = boundary_of(env.task), list(_features(env, cameras))
    episodes = [_Episode(int(seed), env.episode_parameters(i), {n: [] for n in names}) for i, seed in enumerate(seeds)]
    going, limit = np.ones(len(seeds), bool), round(env.task_spec.episode_seconds / env.task_spec.control_dt)
    sent = np.asarray(measured(env.task), float)
    for step in range(limit):
        action, state = np.asarray(act(observation), np.float32), measured(env.task)
        sent = boundary.command(action, state, sent)
        values = {"observation.state": boundary.to_log(state), "action": boundary.to_log(sent)}
        values |= {STATE: env.batch.state, ACTION: action}
        for i in np.flatnonzero(going):
            for name in cameras:
                image = observation[f"images.{name}"][i]
                encoded = EncodedImage(images.encode(image, ".jpg"), image.shape)
                episodes[i].columns[f"observation.images.{name}"].append(encoded)
            for name, value in values.items():
                episodes[i].columns[name].append(value[i].copy())
        observation, _, terminated, truncated, info = env.step(action)
        ended = going & (terminated | truncated)
        for i in np.flatnonzero(ended):
            episodes[i].success, episodes[i].length = bool(info["final_info"]["success"][i]), step + 1
        going &= ~ended
        report(step + 1)
        if not going.any():
            break
    return episodes
