"""State stepping: the environment against the bare physics beneath it, and against processes of single worlds."""

from functools import partial

import gymnasium
import numpy as np
from mujoco.batch import Batch
from stable_baselines3.common.vec_env import SubprocVecEnv

from common import Result, Work, alternate, compare, cores
from envs import BatchEnv, make_task

WORLDS, STEPS = 256, 100  # the actions of so many control steps are drawn once and repeated
STATE = ("privileged",)


def _actions(worlds: int) -> np.ndarray:
    """(STEPS, worlds, 2) uniform in [-1, 1]; a world is the same for any number of worlds beside it.

    Random driving leaves the lane after some 8 s, so that resets weigh more than in training, where a world lasts 30.
    """
    return np.stack([np.random.default_rng(world).uniform(-1, 1, (STEPS, 2)) for world in range(worlds)], 1)


def batch_env(randomization: str, threads: int = 0) -> BatchEnv:
    """LaneFollow as a teacher sees it."""
    return BatchEnv(make_task("LaneFollow"), WORLDS, randomization=randomization, observations=STATE, threads=threads)


def _stepping(env: BatchEnv) -> Work:
    """Step the environment; counts control steps over all worlds."""
    env.reset(seed=0)
    actions, step = _actions(env.num_envs), 0

    def work() -> int:
        nonlocal step
        env.step(actions[step % STEPS])
        step += 1
        return env.num_envs

    return work


def _bare(env: BatchEnv, threads: int = 0) -> Work:
    """Step the physics alone, from the same states and with the controls that the same actions gave."""
    env.reset(seed=0)
    batch = Batch(env.task.model, env.num_envs, threads)
    batch.qpos, batch.qvel = env._batch.qpos, env._batch.qvel
    controls, command = [], batch.bind("ctrl")
    for action in _actions(env.num_envs):
        env.step(action)
        controls.append(env._batch.ctrl.copy())
    step = 0

    def work() -> int:
        nonlocal step
        command[:] = controls[step % STEPS]
        batch.step(nstep=env._substeps)
        step += 1
        return env.num_envs

    return work


def _subprocesses(env: SubprocVecEnv) -> Work:
    env.seed(0)
    env.reset()
    actions, step = _actions(env.num_envs).astype(np.float32), 0

    def work() -> int:
        nonlocal step
        env.step(actions[step % STEPS])
        step += 1
        return env.num_envs

    return work


def against_physics() -> list[Result]:
    """BatchEnv over Batch.step on the same model."""
    results = []
    for randomization in ("none", "default"):
        env = batch_env(randomization)
        rates = alternate({"env": _stepping(env), "bare": _bare(batch_env(randomization))}, 15, 0.4)
        subject = f"BatchEnv, {WORLDS} worlds, {randomization}"
        rival = "limit: Batch.step alone"
        remark = "random driving: a world starts anew every 8 s"
        results.append(compare("stepping", subject, rates["env"], "steps/s", rival, rates["bare"], 0.7, remark))
    return results


def against_processes() -> list[Result]:
    """BatchEnv over SB3's SubprocVecEnv with a process per world."""
    results = []
    for worlds in sorted({cores(), 8}):
        for randomization in ("none", "default"):
            # The module's name before the colon is imported in every process, and registers the task there.
            make = partial(
                gymnasium.make,
                "envs:sim2real/LaneFollow-v0",
                observations=STATE,
                randomization=randomization,
            )
            processes = SubprocVecEnv([make] * worlds)
            try:
                contenders = {"env": _stepping(batch_env(randomization)), "processes": _subprocesses(processes)}
                rates = alternate(contenders, 5, 0.5)
            finally:
                processes.close()
            subject, rival = f"BatchEnv, {WORLDS} worlds, {randomization}", f"instead: SubprocVecEnv, {worlds} worlds"
            results.append(compare("stepping", subject, rates["env"], "steps/s", rival, rates["processes"], 10))
    return results


def stepping() -> list[Result]:
    """State stepping against its limit and against the usual alternative."""
    return against_physics() + against_processes()


def scaling() -> list[Result]:
    """Physics on two threads over one; the limit is what the bare physics gains at the same time."""
    single, two = batch_env("none", 1), batch_env("none", 2)
    contenders = {
        "one": _stepping(single),
        "two": _stepping(two),
        "bare one": _bare(batch_env("none", 1), 1),
        "bare two": _bare(batch_env("none", 2), 2),
    }
    rates = alternate(contenders, 8, 0.5)
    gain = float(np.median(rates["bare two"] / rates["bare one"]))
    remark = f"limit 2; Batch.step alone gains {gain:.2f}"
    return [
        compare(
            *("scaling", f"BatchEnv, {WORLDS} worlds, 2 threads", rates["two"], "steps/s", "1 thread", rates["one"]),
            remark=remark,
        )
    ]
