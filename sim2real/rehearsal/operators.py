"""Simulated operators of the rehearsal robot, with human imperfections."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from envs import BatchEnv
from envs.random import WorldRandom
from sim2real.errors import InputError
from sim2real.rehearsal.driver import RehearsalDriver

GLANCE = (1, 2)  # steps between two observations: people correct in jerks
LAPSE = 0.02  # probability that the next observation comes later
LAPSE_STEPS = (3, 5)
PAUSE = 0.01  # probability per step that the hand rests
PAUSE_STEPS = (4, 12)
SHAKE = 0.08  # standard deviation of the hand, of the largest action
SHAKE_SECONDS = 0.15

Teacher = Callable[[np.ndarray], np.ndarray]
Operator = Callable[[np.ndarray], np.ndarray]
"""Maps the actions (n, A) that keep the commands unchanged to the operator's actions, in [-1, 1]."""


@dataclass(frozen=True)
class Habit:
    """How a task is demonstrated.

    Attributes:
        operator: makes an operator from an environment and the seeds (n,) of its worlds.
        keeps_failures: whether failed episodes stay in a recording, as in continuous driving.
    """

    operator: Callable[[BatchEnv, np.ndarray], Operator]
    keeps_failures: bool


def _driver(env: BatchEnv, seeds: np.ndarray) -> Operator:
    driver = RehearsalDriver(env.task, seeds)  # type: ignore[arg-type]
    return lambda still: driver.act()


HABITS: dict[str, Habit] = {"LaneFollow": Habit(_driver, keeps_failures=True)}
"""Habits of tasks that have an operator without a teacher."""
WORDS: Mapping[str, str] = {
    "LaneFollow": "follow the road",
    "Reach": "touch the ball",
    "Push": "push the cube onto the disc",
    "Lift": "lift the cube",
}


def words_for(task: str) -> str:
    """Return the task text for datasets."""
    return WORDS.get(_plain(task), task)


def habit_of(task: str, teacher: Teacher | None) -> Habit:
    """Return the habit of a trained teacher with human imperfections, or without one the task's own.

    Raises:
        InputError: there is neither.
    """
    if teacher is not None:
        return Habit(lambda env, seeds: TeacherOperator(env, seeds, teacher), keeps_failures=False)
    if _plain(task) not in HABITS:
        raise InputError(
            f"recording {task} on the rehearsal robot needs a teacher: train one with `sim2real train {task}` and"
            " name its run with --teacher"
        )
    return HABITS[_plain(task)]


def _plain(task: str) -> str:
    """Return a task's name without variants ("Reach:absolute")."""
    return task.partition(":")[0]


class TeacherOperator:
    """A teacher as operator, with noisy actions, infrequent observations and pauses.

    Args:
        env: environment whose worlds it observes, with the latency of their cameras.
        seeds: (n,) seeds of the imperfections, one per world.
        teacher: maps privileged states (n, P) to actions (n, A).
    """

    def __init__(self, env: BatchEnv, seeds: np.ndarray, teacher: Teacher) -> None:
        n, a = len(seeds), len(env.task.spec.action_names)
        self._env, self._teacher, self._random, self._everyone = env, teacher, WorldRandom(seeds), np.arange(n)
        self._hold, self._resting = np.zeros(n, int), np.zeros(n, int)  # steps left
        self._shake, self._wanted = np.zeros((n, a)), np.zeros((n, a))

    def __call__(self, still: np.ndarray) -> np.ndarray:
        """Return (n, A) actions in [-1, 1] for the current state; `still` (n, A) keeps the commands unchanged."""
        u, normal = self._random.uniform(self._everyone, 4), self._random.normal(self._everyone, still.shape[1])
        keep = np.exp(-self._env.task.spec.control_dt / SHAKE_SECONDS)
        self._shake = keep * self._shake + SHAKE * np.sqrt(1 - keep**2) * normal
        looks = self._hold <= 0
        length = np.where(u[:, 0] < LAPSE, *(_between(span, u[:, 1]) for span in (LAPSE_STEPS, GLANCE)))
        self._hold = np.where(looks, length, self._hold) - 1
        self._wanted[looks] = self._teacher(self._env.privileged())[looks]
        begins = (self._resting <= 0) & (u[:, 2] < PAUSE)
        self._resting = np.where(begins, _between(PAUSE_STEPS, u[:, 3]), self._resting) - 1
        action = np.where((self._resting > 0)[:, None], still, self._wanted + self._shake)
        return np.clip(action, -1, 1)


def _between(span: tuple[int, int], u: np.ndarray) -> np.ndarray:
    """Return integers (n,) in span, ends included, from uniform u (n,)."""
    return span[0] + (u * (span[1] - span[0] + 1)).astype(int)
