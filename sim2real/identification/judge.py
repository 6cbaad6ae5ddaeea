"""How far replays are from logs, before and after, with intervals over episodes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim2real.identification.simulation import Replayer
from sim2real.recordings.arm_logs import Log
from sim2real.statistics.agreement import Estimate

RESAMPLES = 4000


@dataclass(frozen=True)
class Errors:
    """Of replays of E episodes.

    Attributes:
        square: (E, J) rad², summed over what was compared.
        count: (E,) how much that was, per joint.
    """

    square: np.ndarray
    count: np.ndarray

    def rmse(self, joints: Sequence[int] | slice = slice(None)) -> float:
        """rad, over some joints or all."""
        return float(np.sqrt(self._mean(np.arange(len(self.count))[None], joints)[0]))

    def _mean(self, chosen: np.ndarray, joints: Sequence[int] | slice) -> np.ndarray:
        square = self.square[:, joints]
        return square[chosen].sum((1, 2)) / (self.count[chosen].sum(1) * square.shape[1])

    def estimate(self, joints: Sequence[int] | slice = slice(None), seed: int = 0) -> Estimate:
        """RMSE [rad] with its interval by bootstrap over episodes."""
        if len(self.count) < 2:
            return Estimate(self.rmse(joints), None, None)
        found = np.sqrt(self._mean(_resamples(len(self.count), seed), joints))
        return Estimate(self.rmse(joints), *(float(v) for v in np.percentile(found, (2.5, 97.5))))

    def fall(self, before: "Errors", joints: Sequence[int] | slice = slice(None), seed: int = 0) -> Estimate:
        """By which share the RMSE is smaller than before, in the same episodes."""
        value = 1 - self.rmse(joints) / before.rmse(joints)
        if len(self.count) < 2:
            return Estimate(value, None, None)
        chosen = _resamples(len(self.count), seed)
        found = 1 - np.sqrt(self._mean(chosen, joints) / before._mean(chosen, joints))
        return Estimate(value, *(float(v) for v in np.percentile(found, (2.5, 97.5))))


def _resamples(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))


def open_loop(replayer: Replayer, parameters: Mapping[str, np.ndarray], logs: Sequence[Log]) -> Errors:
    """Whole episodes from their first state and commands alone; parameters (J,) each."""
    angles = replayer.rollout({name: values[None] for name, values in parameters.items()}, logs)
    square = [((found[0] - log.state) ** 2).sum(0) for found, log in zip(angles, logs, strict=True)]
    return Errors(np.array(square), np.array([len(log) for log in logs], float))


def second_ahead(
    replayer: Replayer, parameters: Mapping[str, np.ndarray], logs: Sequence[Log], fps: float
) -> Errors | None:
    """The error a second after each logged state at which a second of an episode begins.

    Episodes that end with their first second have none; None where that is so of all.
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
    for found, (log, _, end) in zip(angles, spans, strict=True):
        square[at[id(log)]] += (found[0, -1] - log.state[end - 1]) ** 2
        count[at[id(log)]] += 1
    return Errors(square, count)
