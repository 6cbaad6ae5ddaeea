"""Rendered frames of a task without a sensor: what materials, light and place alone can do to statistics."""

from dataclasses import replace

import numpy as np

from envs import BatchEnv, Randomization, make_task
from envs.batch_env import resolve_randomization
from envs.task import Task, TaskSpec, View
from sim2real.identification.sensor.recorded import TOGETHER
from sim2real.progress import Progress, silent
from sim2real.rehearsal.operators import HABITS

APART = 15  # steps between two frames of a world


def look_of(task: str) -> tuple[TaskSpec, View]:
    """Return a task's spec, and the view of its first camera, with the crop that policies see."""
    spec = make_task(task, "train").spec
    return spec, next(iter(spec.cameras.values()))


def without_sensor(randomization: Randomization) -> Randomization:
    """Return the randomization without entries of the sensor."""
    varied = tuple(vary for vary in randomization.varied if not vary.field.startswith("sensor."))
    return replace(randomization, varied=varied)


def render_scenes(task: str, worlds: int, seed: int, progress: Progress = silent) -> np.ndarray:
    """Return (worlds, TOGETHER, H, W, 3) uint8 full frames of worlds of the default randomization, APART steps apart;
    without a sensor."""
    made = make_task(task, "recording")
    randomization = resolve_randomization(made.spec, "default")
    return render_frames(made, randomization, seed + np.arange(worlds), APART, TOGETHER, progress)


def render_frames(
    task: Task, randomization: Randomization, seeds: np.ndarray, apart: int, count: int, progress: Progress = silent
) -> np.ndarray:
    """Return (worlds, count, H, W, 3) uint8 full frames of worlds with seeds (worlds,), `apart` steps apart, unchanged
    by a sensor; the task's operator moves the robot, or it acts at random if there is none."""
    key = f"images.{next(iter(task.spec.cameras))}"
    bare = without_sensor(randomization)
    env = BatchEnv(task, len(seeds), randomization=bare, observations=(key,), sensor=None, once=True)
    random, steps = np.random.default_rng(int(seeds[0])), apart * (count - 1)
    try:
        frames = [env.reset(seed=seeds.tolist())[0][key]]
        habit = HABITS.get(task.spec.name.partition(":")[0])
        operator = habit.operator(env, seeds) if habit else None
        still = np.zeros((len(seeds), len(task.spec.action_names)))
        for step in range(1, steps + 1):
            action = operator(still) if operator else random.uniform(-1, 1, still.shape)
            observation, *_ = env.step(action.astype(np.float32))
            if step % apart == 0:
                frames.append(observation[key])
            progress(step, steps)
    finally:
        env.close()
    return np.stack(frames, 1)
