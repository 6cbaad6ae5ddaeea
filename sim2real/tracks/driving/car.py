"""The car as its log measured it, for many episodes side by side."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim2real.statistics.agreement import Estimate
from sim2real.tracks.poses import compose

SPEED_RESPONSE = 0.5  # s in which the speed follows the throttle; assumed, the log's figures do not tell it
STEERING = ("curvature_per_steering", "curvature_offset", "delay")  # figures without which nothing can be driven
DRAWS = 4  # uniform numbers that a car is drawn from


@dataclass(frozen=True)
class Vehicle:
    """What n cars do for their commands; positive steering is right, positive curvature left.

    Attributes:
        curvature_per_steering: (n,) 1/m per unit of steering.
        curvature_offset: (n,) 1/m without steering.
        delay: (n,) control steps between a steering command and its curvature.
        speed_per_throttle: (n,) m/s per unit of throttle.
        speeds: the driver's slowest and fastest [m/s], to which speeds are limited.
        fps: control steps per second.
    """

    curvature_per_steering: np.ndarray
    curvature_offset: np.ndarray
    delay: np.ndarray
    speed_per_throttle: np.ndarray
    speeds: tuple[float, float]
    fps: float

    @staticmethod
    def drawn(
        measured: Mapping[str, Estimate | None], uniform: np.ndarray, speeds: tuple[float, float], fps: float
    ) -> "Vehicle":
        """Draw cars evenly from the measured intervals.

        Args:
            measured: figures by name, all known but perhaps `speed_per_throttle`; then throttle means nothing.
            uniform: (n, DRAWS) in [0, 1).
        """
        gain, offset, delay = (_between(measured[name], uniform[:, k]) for k, name in enumerate(STEERING))
        speed = measured.get("speed_per_throttle")
        per_throttle = np.zeros(len(uniform)) if speed is None else _between(speed, uniform[:, 3])
        return Vehicle(gain, offset, np.maximum(delay, 0) * fps, per_throttle, speeds, fps)

    def steering_for(self, curvature: np.ndarray) -> np.ndarray:
        """Return (n,) commands in [-1, 1] for curvatures (n,) [1/m], or the nearest that there are."""
        return np.clip((curvature - self.curvature_offset) / self.curvature_per_steering, -1, 1)

    def speed_for(self, throttle: np.ndarray) -> np.ndarray:
        """Return (n,) m/s at which cars with this throttle (n,) drive in the end."""
        return np.clip(self.speed_per_throttle * throttle, *self.speeds)


class Cars:
    """n cars at poses (n, 3) map_from_car, with the commands that have not arrived yet.

    Attributes:
        poses: (n, 3)
        speed: (n,) m/s
        sent: (n, H) steering commands, the newest first.
        last: (n, 2) the last steering and throttle.
    """

    def __init__(self, vehicle: Vehicle, poses: np.ndarray, speed: np.ndarray, steering: np.ndarray) -> None:
        self.vehicle, self.poses, self.speed = vehicle, poses.astype(float), speed.astype(float)
        self.sent = np.repeat(steering[:, None], int(np.ceil(vehicle.delay.max())) + 2, 1)
        self.last = np.column_stack([steering, np.zeros(len(poses))])

    def __len__(self) -> int:
        return len(self.poses)

    def step(self, commands: np.ndarray) -> None:
        """Drive one control step with steering and throttle (n, 2), on arcs."""
        vehicle = self.vehicle
        self.last = np.clip(commands, -1, 1)
        self.sent = np.column_stack([self.last[:, 0], self.sent[:, :-1]])
        share = 1 - np.exp(-1 / (SPEED_RESPONSE * vehicle.fps))
        self.speed += share * (vehicle.speed_for(self.last[:, 1]) - self.speed)
        self.poses = moved(self.poses, self.curvature(), self.speed / vehicle.fps)

    def curvature(self, ahead: int = 0) -> np.ndarray:
        """Return (n,) 1/m, what cars drive now, or `ahead` steps later if the newest command stays."""
        vehicle = self.vehicle
        # Between two steps a delay is made by linear interpolation of the commands.
        whole = np.floor(vehicle.delay).astype(int)
        rows, later = np.arange(len(self)), vehicle.delay - whole
        newer, older = (self.sent[rows, np.maximum(whole + k - ahead, 0)] for k in (0, 1))
        return vehicle.curvature_offset + vehicle.curvature_per_steering * ((1 - later) * newer + later * older)

    def put(self, which: np.ndarray, poses: np.ndarray, steering: np.ndarray) -> None:
        """Put cars (n,) bool to poses (n, 3), with wheels at steering (n,)."""
        self.poses[which], self.sent[which] = poses[which], steering[which, None]


def moved(poses: np.ndarray, curvature: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return poses (n, 3) after arcs of curvature (n,) [1/m] and length (n,) [m]."""
    turn = curvature * distance
    ahead = distance * np.sinc(turn / np.pi)
    aside = distance * np.sinc(turn / 2 / np.pi) * np.sin(turn / 2)  # (1 - cos) / turn without cancellation
    return compose(poses, np.stack([ahead, aside, turn], -1))


def _between(estimate: Estimate | None, uniform: np.ndarray) -> np.ndarray:
    if estimate is None:
        raise ValueError("a figure of the vehicle is not known")
    if estimate.low is None or estimate.high is None:
        return np.full(len(uniform), estimate.value)
    return estimate.low + (estimate.high - estimate.low) * uniform
