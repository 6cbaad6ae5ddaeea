# pyright: reportArgumentType=false
"""Recording the rehearsal robot while a simulated operator moves it."""

from pathlib import Path

import numpy as np

from envs import BatchEnv, make_task
from sim2real.collection.config import RecordConfig, RecordResult
from sim2real.collection.truth import Truth
from sim2real.datasets import EncodedImage, EpisodeWriter, Feature, camera_feature, images
from sim2real.errors import InputError
from sim2real.files import new_folder
from sim2real.progress import Progress, part_of, silent
from sim2real.recordings.arm_logs import ACTION, STATE
from sim2real.rehearsal.operators import Operator, Teacher, habit_of, words_for
from sim2real.rehearsal.robot import boundary_of, measured
from sim2real.robots.boundary import Boundary

SIDE_BY_SIDE = 16  # parallel worlds: their frames stay in memory until an episode is complete
PATIENCE = 4  # maximum number of tried episodes per requested episode


def record_on_rehearsal(
    destination: Path,
    config: RecordConfig = RecordConfig(),
    progress: Progress = silent,
    *,
    teacher: Teacher | None = None,
) -> RecordResult:
    """Let an operator do the task on the rehearsal robot, and write a LeRobot v3.0 dataset.

    Frame k has the full image of the first camera (JPEG) with its latency; `observation.state`, the state measured at
    frame k; and `action`, the command sent then; both in a dataset's units and names (`Boundary`). An episode that
    fails early ends there. Each episode is its own session. The same settings give the same bytes. With a layout all
    episodes are in one world, and the truth about it is written beside them (`sim2real.collection.truth`).

    Args:
        destination: must not exist; an interruption leaves nothing behind.
        progress: called with (frames done, total frames).
        teacher: maps privileged states (n, P) to actions (n, A); the operator, which adds human imperfections.

    Raises:
        DatasetError: the destination exists.
        InputError: an unknown task, no operator for it, or one that fails too often.
        OSError: the disk is full; nothing is left behind.
    """
    task = make_task(config.task, "recording", layout=config.layout)
    habit = habit_of(config.task, teacher)
    keep_failed = config.keep_failed or habit.keeps_failures
    with new_folder(destination) as folder:
        boundary, camera = boundary_of(task), next(iter(task.spec.cameras))
        steps = round(min(config.longest, task.spec.episode_seconds) / task.spec.control_dt)
        rounds = -(-config.episodes // SIDE_BY_SIDE)
        worlds = -(-config.episodes // rounds)
        env = BatchEnv(task, worlds, randomization=config.preset, observations=(f"images.{camera}",))
        features = _features(env, boundary, camera)
        truth = None if config.layout is None else Truth(env, camera)
        lengths, tried, successes = [], 0, 0
        try:
            with EpisodeWriter(folder, features, 1 / task.spec.control_dt, robot_type=boundary.robot_type) as writer:
                while len(lengths) < config.episodes:
                    if tried >= PATIENCE * config.episodes + SIDE_BY_SIDE:
                        raise InputError(_hopeless(config.task, successes, tried))
                    past, seeds = tried // worlds, config.first_seed + tried + np.arange(worlds)
                    report = part_of(progress, past, max(rounds, past + 1))
                    driven = _drive(env, boundary, habit.operator(env, seeds), seeds, steps, report, truth)
                    for world, (columns, success) in enumerate(driven):
                        if len(lengths) < config.episodes:
                            tried, successes = tried + 1, successes + success
                            if success or keep_failed:
                                session = f"rehearsal {seeds[world]}"  # independent random numbers for every episode
                                episode = writer.save_columns(columns, words_for(config.task), session=session)
                                if truth is not None:
                                    truth.keep(world, episode, len(columns[ACTION]))
                                lengths.append(len(columns[ACTION]))
            if truth is not None and config.layout is not None:
                truth.write(folder, config.layout)
        finally:
            env.close()
    full_length = config.longest >= task.spec.episode_seconds
    return RecordResult(destination, tuple(lengths), tried, successes, full_length, "who demonstrated")


def _hopeless(task: str, successes: int, tried: int) -> str:
    return (
        f"the operator of {task} succeeded in only {successes} of {tried} episodes on the rehearsal robot: train a"
        " better teacher (--randomization wide), or keep the failures with --keep-failed"
    )


def _features(env: BatchEnv, boundary: Boundary, camera: str) -> dict[str, Feature]:
    lens = env.task_spec.cameras[camera].lens
    return {
        f"observation.images.{camera}": camera_feature(lens.height, lens.width),
        STATE: Feature("float32", (len(boundary.state_names),), boundary.state_names),
        ACTION: Feature("float32", (len(boundary.action_names),), boundary.action_names),
    }


def _drive(
    env: BatchEnv,
    boundary: Boundary,
    operator: Operator,
    seeds: np.ndarray,
    steps: int,
    progress: Progress,
    truth: Truth | None = None,
) -> list[tuple[dict[str, list], bool]]:
    """Return per world the columns of an episode up to its end, and whether it succeeded.

    Args:
        truth: notes the cars' poses.
    """
    observation, _ = env.reset(seed=seeds)
    if truth is not None:
        truth.begin()
    state = measured(env.task)
    sent, going, success = np.asarray(state, float), np.ones(len(seeds), bool), np.zeros(len(seeds), bool)
    (key,) = observation
    columns: list[dict[str, list]] = [{f"observation.{key}": [], STATE: [], ACTION: []} for _ in seeds]
    for step in range(steps):
        if truth is not None:
            truth.note(observation[key])
        action = operator(boundary.action(sent, sent)).astype(np.float32)
        sent = boundary.command(action, state, sent)
        states, actions = boundary.to_log(state), boundary.to_log(sent)
        for i in np.flatnonzero(going):
            image = observation[key][i]
            columns[i][f"observation.{key}"].append(EncodedImage(images.encode(image, ".jpg"), image.shape))
            columns[i][STATE].append(states[i])
            columns[i][ACTION].append(actions[i])
        observation, _, terminated, truncated, info = env.step(action)
        state, ended = measured(env.task), going & (terminated | truncated)
        if ended.any():
            success[ended] = info["final_info"]["success"][ended]
            going &= ~ended
        progress(len(seeds) * (step + 1), len(seeds) * steps)
    success[going] = env.task.success()[going]  # the recording ends before the task's time limit
    return list(zip(columns, success.tolist(), strict=True))
