"""Errors of replays against logs, before and after fitting, with intervals over sessions or episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.identification.servos import IdentifiedServos
from sim2real.identification.simulation import NOTHING, OBJECT, Replayer
from sim2real.recordings.arm_logs import Log
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.bootstrap import Bootstrap


@dataclass(frozen=True)
class Errors:
    """Errors of replays of E episodes.

    Attributes:
        square: (E, J) rad², sums of squared errors.
        count: (E,) number of compared values per joint.
        unit: (E,) index of each episode's independent unit, which bootstraps draw; None: the episode itself.
    """

    square: np.ndarray
    count: np.ndarray
    unit: np.ndarray | None = None

    def rmse(self, joints: Sequence[int] | slice = slice(None)) -> float:
        """Return the RMSE [rad] over the given joints or all."""
        return float(np.sqrt(self._mean(np.ones((1, len(self.count))), joints)[0]))

    def _mean(self, weights: np.ndarray, joints: Sequence[int] | slice) -> np.ndarray:
        """Return (n,) mean squares, with episodes weighted by (n, E)."""
        square = self.square[:, joints]
        return weights @ square.sum(1) / (weights @ self.count * square.shape[1])

    def estimate(self, joints: Sequence[int] | slice = slice(None), seed: int = 0) -> Estimate:
        """Return the RMSE [rad] with its interval by bootstrap over units."""
        (bootstrap, weights), value = self._resampled(seed), self.rmse(joints)
        drawn = np.sqrt(self._mean(weights, joints))
        return Estimate(value, *(bootstrap.interval(value, drawn, least=0.0) or (None, None)))

    def fall(self, before: "Errors", joints: Sequence[int] | slice = slice(None), seed: int = 0) -> Estimate:
        """Return the relative reduction of the RMSE in the same episodes."""
        (bootstrap, weights), value = self._resampled(seed), 1 - self.rmse(joints) / before.rmse(joints)
        drawn = 1 - np.sqrt(self._mean(weights, joints) / before._mean(weights, joints))
        return Estimate(value, *(bootstrap.interval(value, drawn, most=1.0) or (None, None)))

    def _resampled(self, seed: int) -> tuple[Bootstrap, np.ndarray]:
        """Return a bootstrap over units, and the weights (resamples, E) of their episodes."""
        unit = np.arange(len(self.count)) if self.unit is None else self.unit
        bootstrap = Bootstrap(int(unit.max()) + 1, seed=seed)
        return bootstrap, bootstrap.weights[:, unit]


@dataclass(frozen=True)
class Judgement:
    """Errors of replays of held-out episodes: open loop, and a second ahead.

    Attributes:
        before: errors with the published servos.
        after: errors with the identified servos.
        servos: errors with the identified servos, without an object in the gripper.
        second_before, second_after: errors a second ahead; None if no held-out episode is longer than a second.
    """

    before: Errors
    after: Errors
    servos: Errors
    second_before: Errors | None
    second_after: Errors | None


def judge(servos: IdentifiedServos, replayer: Replayer, held_out: tuple[Log, ...], fps: float) -> Judgement:
    """Evaluate servos on held-out episodes."""
    bare = dict(servos.values) | {OBJECT: np.full(len(servos.joints), NOTHING)}
    return Judgement(
        open_loop(replayer, servos.published, held_out),
        open_loop(replayer, servos.values, held_out),
        open_loop(replayer, bare, held_out),
        second_ahead(replayer, servos.published, held_out, fps),
        second_ahead(replayer, servos.values, held_out, fps),
    )


def open_loop(replayer: Replayer, parameters: Mapping[str, np.ndarray], logs: Sequence[Log]) -> Errors:
    """Replay episodes from their first state and commands only; parameters (J,) each."""
    angles = replayer.rollout({name: values[None] for name, values in parameters.items()}, logs)
    square = [((simulated[0] - log.state) ** 2).sum(0) for simulated, log in zip(angles, logs, strict=True)]
    return Errors(np.array(square), np.array([len(log) for log in logs], float), _units(logs))


def second_ahead(
    replayer: Replayer, parameters: Mapping[str, np.ndarray], logs: Sequence[Log], fps: float
) -> Errors | None:
    """Return the errors one second after the logged states at the start of each second.

    Episodes of at most a second have none; None if all are so short.
    """
    rows = max(1, round(fps))
    logs = [log for log in logs if len(log) > rows]
    if not logs:
        return None
    spans = [(log, k, k + rows + 1) for log in logs for k in range(0, len(log) - rows, rows)]
    angles = replayer.windows({name: values[None] for name, values in parameters.items()}, spans)
    joints = logs[0].state.shape[1]
    square, count = np.zeros((len(logs), joints)), np.zeros(len(logs))
    at = {id(log): k for k, log in enumerate(logs)}
    for simulated, (log, _, end) in zip(angles, spans, strict=True):
        square[at[id(log)]] += (simulated[0, -1] - log.state[end - 1]) ** 2
        count[at[id(log)]] += 1
    return Errors(square, count, _units(logs))


def _units(logs: Sequence[Log]) -> np.ndarray:
    """Return (E,) the index of each log's independent unit, in order of appearance."""
    names = list(dict.fromkeys(log.unit for log in logs))
    return np.array([names.index(log.unit) for log in logs])
