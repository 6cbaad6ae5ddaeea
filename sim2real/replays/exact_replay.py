# pyright: reportAttributeAccessIssue=false
"""Exact replay of a recording of simulation: the same seeds and actions, with all states compared."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

import mujoco
import numpy as np

from envs import BatchEnv, Task, make_task
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.progress import Progress, silent
from sim2real.recordings.origin import ACTION, STATE, Origin, model_hash

TOLERANCE = 1e-6  # tolerance of positions [rad, m] between versions of MuJoCo


@dataclass(frozen=True)
class ExactReplay:
    """An episode recorded in simulation, and its replay.

    Attributes:
        episode: index in the dataset.
        task: name of the task.
        fps: states per second.
        changed: changes since the recording, in words; empty if there are none.
        recorded, replayed: (n, S) integration states, before each action.
        positions: columns of a state that are positions (`qpos`).
        names: names of these columns.
        success: recorded success of the episode.
    """

    episode: int
    task: str
    fps: float
    changed: str
    recorded: np.ndarray
    replayed: np.ndarray
    positions: slice
    names: tuple[str, ...]
    success: bool

    @property
    def same(self) -> np.ndarray:
        """Return (n,) bool, whether a state is identical bit for bit."""
        return (self.recorded.view(np.int64) == self.replayed.view(np.int64)).all(1)

    @property
    def difference(self) -> np.ndarray:
        """Return (n,) the largest difference of positions [rad or m]."""
        return np.abs(self.replayed - self.recorded)[:, self.positions].max(1, initial=0.0)

    @property
    def passed(self) -> bool:
        """Return whether all states agree: bit for bit, or within TOLERANCE if anything changed since recording."""
        return bool(self.same.all()) or bool(self.changed and self.difference.max() <= TOLERANCE)

    @property
    def figures(self) -> dict[str, object]:
        """Return the episode's entry for `metrics.json`."""
        return {
            "states": len(self.recorded),
            "identical": int(self.same.sum()),
            "largest_difference": float(self.difference.max()),
            "changed": self.changed,
        }

    @property
    def verdict(self) -> str:
        """Return the result, in one line."""
        n = len(self.recorded)
        if self.same.all():
            return f"every one of {n} states identical, bit for bit"
        first, largest = int(np.flatnonzero(~self.same)[0]), self.difference.max()
        line = f"{int((~self.same).sum())} of {n} states differ, from frame {first} on, by at most {largest:.3g}"
        if not self.changed:
            return line
        return f"{line} ({'within' if self.passed else 'beyond'} the tolerance of {TOLERANCE:g})"


def replay_exactly(
    dataset: EpisodeDataset,
    k: int,
    watch: Callable[[BatchEnv], None] | None = None,
    progress: Progress = silent,
) -> ExactReplay:
    """Simulate the k-th selected episode again.

    Args:
        watch: called with the world before every action; frames are rendered if it is given.

    Raises:
        DatasetError: the dataset was not recorded in simulation, is damaged, or does not fit the current task.
        InputError: the task does not exist.
    """
    origin, episode = Origin.read(dataset.root), dataset.episode(k)
    if origin is None or not {STATE, ACTION} <= set(episode.columns):
        raise DatasetError(f"{dataset.root} was not recorded in simulation: it has no {STATE}")
    if episode.index >= len(origin.seeds):
        reason = f"meta/simulation.json has {len(origin.seeds)} episodes, but not episode {episode.index}"
        raise DatasetError(f"{dataset.root} is damaged: {reason}")
    task = make_task(origin.task, origin.split)
    recorded, actions = episode[STATE], episode[ACTION].reshape(len(episode), -1)
    if not np.isfinite(recorded).all() or not np.isfinite(actions).all():
        bad = np.flatnonzero(~(np.isfinite(recorded).all(1) & np.isfinite(actions).all(1)))
        raise DatasetError(f"{dataset.root}: frame {bad[0]} of episode {episode.index} has a value that is not finite")
    keys = ("state", f"images.{next(iter(task.spec.cameras))}") if watch is not None else ("state",)
    env = BatchEnv(task, 1, randomization=origin.randomization, observations=keys, threads=1)
    try:
        if recorded.shape[1] != env.batch.nstate or actions.shape[1] != len(task.spec.action_names):
            reason = f"{recorded.shape[1]} numbers a state, {origin.task} has {env.batch.nstate} now"
            raise DatasetError(f"{dataset.root} does not fit this version: it has {reason}")
        replayed = np.stack(list(_states(env, origin.seeds[episode.index], actions, watch, progress)))
    finally:
        env.close()
    return ExactReplay(
        *(episode.index, origin.task, dataset.fps, _changed(origin, task), recorded, replayed),
        *(_positions(task.model), _position_names(task.model), origin.success[episode.index]),
    )


def _states(
    env: BatchEnv,
    seed: int,
    actions: np.ndarray,
    watch: Callable[[BatchEnv], None] | None,
    progress: Progress,
) -> Iterator[np.ndarray]:
    """Yield the state (S,) before every action."""
    env.reset(seed=[seed])
    for row, action in enumerate(actions):
        yield env.batch.state[0].copy()
        if watch is not None:
            watch(env)
        if row + 1 < len(actions):
            env.step(action[None])
        progress(row + 1, len(actions))


def _changed(origin: Origin, task: Task) -> str:
    """Return what changed since the recording, in words; empty if nothing did."""
    changes = []
    if origin.mujoco != version("mujoco"):
        changes.append(f"it was recorded with MuJoCo {origin.mujoco}, this is {version('mujoco')}")
    if origin.model != model_hash(task.model):
        changes.append(f"the model of {origin.task} has changed")
    return "; ".join(changes)


def _positions(model: mujoco.MjModel) -> slice:
    """Return the columns of `qpos` in an integration state, which begins with the time."""
    return slice(1, 1 + model.nq)


def _position_names(model: mujoco.MjModel) -> tuple[str, ...]:
    names = [""] * model.nq
    for j in range(model.njnt):
        first = int(model.jnt_qposadr[j])
        last = int(model.jnt_qposadr[j + 1]) if j + 1 < model.njnt else model.nq
        for k in range(first, last):
            body = model.body(int(model.jnt_bodyid[j])).name
            names[k] = (model.joint(j).name or body) + (f"[{k - first}]" if last - first > 1 else "")
    return tuple(names)
