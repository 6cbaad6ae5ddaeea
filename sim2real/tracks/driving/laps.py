"""What happened on the laps of a rebuilt track."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Steps:
    """Rows of all episodes in order of time: what was so before a step, and the command for it.

    Attributes:
        lap, step: (r,) episode, from 0, and its step.
        pose: (r, 3) map_from_car.
        offset, heading: (r,) as in Beside.
        command: (r, 2) steering and throttle.
        speed: (r,) m/s.
    """

    lap: np.ndarray
    step: np.ndarray
    pose: np.ndarray
    offset: np.ndarray
    heading: np.ndarray
    command: np.ndarray
    speed: np.ndarray

    def of(self, lap: int) -> "Steps":
        """Return the rows of one episode."""
        rows = self.lap == lap
        return Steps(**{name: values[rows] for name, values in vars(self).items()})


@dataclass(frozen=True)
class Laps:
    """Results of n laps.

    Attributes:
        seeds: (n,) of the episodes.
        finished: (n,) bool, whether the lap was driven before its time was up.
        steps: what happened.
        out_lap, out_step: (k,) episode and step of each intervention.
        out_pose: (k, 3) where the car was then.
    """

    seeds: np.ndarray
    finished: np.ndarray
    steps: Steps
    out_lap: np.ndarray
    out_step: np.ndarray
    out_pose: np.ndarray

    def head(self, count: int) -> "Laps":
        """Return the first laps."""
        rows, outs = self.steps.lap < count, self.out_lap < count
        steps = Steps(**{name: values[rows] for name, values in vars(self.steps).items()})
        out = self.out_lap[outs], self.out_step[outs], self.out_pose[outs]
        return Laps(self.seeds[:count], self.finished[:count], steps, *out)

    def frame_seeds(self, steps: Steps) -> np.ndarray:
        """Return (r, 2), the seeds that the frames of some steps were drawn with (`Situation.seeds`)."""
        return np.column_stack([self.seeds[steps.lap], steps.step])

    @property
    def interventions(self) -> np.ndarray:
        """Return (n,) number of interventions of each lap."""
        return np.bincount(self.out_lap, minlength=len(self.seeds))

    @property
    def clean(self) -> np.ndarray:
        """Return (n,) bool, laps that were finished without an intervention."""
        return self.finished & (self.interventions == 0)
