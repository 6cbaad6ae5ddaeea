# pyright: reportAttributeAccessIssue=false
"""The physics behind emulated servos: one world of an arm's task, whose joints turn to what the servos are told."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np

from envs import ArmTask, BatchEnv, Randomization
from sim2real.emulation.servo import Servo
from sim2real.errors import InputError
from sim2real.rehearsal.preset import PRESET
from sim2real.robots.sts3215 import OVERHEAT, OVERLOAD, VOLTAGE
from sim2real.robots.units import TICKS

GAIN_AT = 16  # P, at which a servo has the gain that was identified: LeRobot sets it
_MIDDLE = 2048  # ticks of a shaft at a joint's zero, before its servo was mounted
_AMBIENT, _HEATING, _COOLING = 30.0, 1.0, 120.0  # degrees, degrees per s at full load, s
_AMPERE = 2.7 / 0.0065  # units of 6.5 mA at stall torque
_JAMMED = 50.0  # N m of friction
_SLOWEST = 0.01  # rad/s, from where on a joint moves
CATCH_UP = 1.0  # s that the world goes on at most when its thread was stopped for longer


@dataclass
class Upset:
    """What goes wrong with an arm; may be changed at any time.

    Attributes:
        jammed: ids of servos whose joint is blocked.
        heat: id -> temperature [degrees Celsius].
        volts: of the supply.
    """

    jammed: set[int] = field(default_factory=set)
    heat: dict[int, float] = field(default_factory=dict)
    volts: float = 7.4


class EmulatedArm:
    """An arm's world in steps of its physics, between its servos' tables and its camera.

    Args:
        task: a new arm task of split "rehearsal".
        camera: name of its camera.
        mounted: (J,) ticks by which each servo's shaft was turned when it was mounted.
        randomization: of the world.

    Raises:
        InputError: a task without an arm, or no such preset or camera.
    """

    def __init__(
        self, task: ArmTask, camera: str, mounted: np.ndarray, randomization: Randomization | str = PRESET
    ) -> None:
        if not isinstance(task, ArmTask):
            raise InputError("only tasks of an arm have servos: Reach, Push, Lift")
        self._env = BatchEnv(task, 1, randomization=randomization, observations=(f"images.{camera}",), threads=1)
        self._task, self._world, self._camera = task, task.world, camera
        self._mounted, self.upset = np.asarray(mounted, float), Upset()
        self.step_dt = task.model.opt.timestep
        self._per_frame = round(task.spec.control_dt / self.step_dt)
        self._force = self._env.batch.bind("actuator_force")
        self._acts = np.array([task.model.actuator(name).id for name in task.config.arm.joints])
        self._stall = self._world.parameters["torque"]
        self.reset(0)

    def reset(self, seed: int) -> None:
        """Start a seed's episode: the person prepares the scene."""
        frames, _ = self._env.reset(seed=[seed])
        self.frame: np.ndarray = frames[f"images.{self._camera}"][0]
        self._steps, self.success, self.failed, self.reward = 0, False, False, 0.0
        joints = len(self._mounted)
        self._hot, self._loaded = np.full(joints, _AMBIENT), np.zeros(joints)
        self._set: tuple[np.ndarray, ...] | None = None

    def ticks(self, radians: np.ndarray) -> np.ndarray:
        """Return (J,) ticks of the shafts at joint positions (J,) rad."""
        return _MIDDLE + self._mounted + np.asarray(radians) * TICKS / (2 * np.pi)

    def radians(self, ticks: np.ndarray) -> np.ndarray:
        """Return (J,) rad of the joints at ticks (J,) of the shafts."""
        return (np.asarray(ticks, float) - _MIDDLE - self._mounted) * 2 * np.pi / TICKS

    def step(self, servos: Sequence[Servo], tables: AbstractContextManager[object]) -> bool:
        """Go on by one step of physics with what the servos are told; returns whether a new frame was taken.

        Args:
            tables: lock of the servos' tables, which is held only while they are read or written.
        """
        with tables:
            self._drive(servos)
        self._env.batch.step(nstep=1)
        with tables:
            self.feel(servos)
        self._steps += 1
        if self._steps % self._per_frame:
            return False
        self._task.measure()
        self.reward += float(self._task.reward()[0])
        self.failed |= bool(self._task.terminated()[0])
        self.success = bool(self._task.success()[0]) and not self.failed
        assert self._env.vision is not None
        self.frame = self._env.vision.observe(np.arange(1))[self._camera][0]
        return True

    def _drive(self, servos: Sequence[Servo]) -> None:
        """Let the joints turn to the servos' goals, as strongly as these may."""
        on = np.array([bool(s["torque"]) and not s.error & OVERHEAT for s in servos])
        strength = np.array([min(s["torque_limit"], s["most_torque"]) / 1000 for s in servos])
        tired = np.array([s["protective_torque"] / 100 if s.error & OVERLOAD else 1.0 for s in servos])
        gain = on * np.array([s["p"] / GAIN_AT for s in servos])
        jammed = np.array([s["id"] in self.upset.jammed for s in servos])
        now = (strength * tired, gain, jammed)
        if self._set is None or any((a != b).any() for a, b in zip(now, self._set, strict=True)):
            self._set, own = now, {name: values[:1].copy() for name, values in self._world.parameters.items()}
            own["torque"] *= np.maximum(now[0], 1e-6)
            own["gain"] *= gain
            own["braking"] *= on
            own["friction"] = np.where(jammed, _JAMMED, own["friction"])
            self._world.servos.set(np.arange(1), own)
        position = self._world.position[0]
        # By the difference of the numbers, as servos do: over the end of a turn that is the long way round.
        goal = position + np.array([s["goal"] - s["position"] for s in servos]) * 2 * np.pi / TICKS
        self._world.target[0] = np.where(on, goal, position)
        self._world.servos.command(self._world.target)

    def feel(self, servos: Sequence[Servo]) -> None:
        """Write what the servos measure into their tables, and let them protect themselves."""
        position, speed = self._world.position[0], self._world.velocity[0]
        share = self._force[0, self._acts].ravel() / self._stall[0]
        self._hot += self.step_dt * (_HEATING * share**2 - (self._hot - _AMBIENT) / _COOLING)
        raw = self.ticks(position)
        for k, servo in enumerate(servos):
            servo["position"] = servo.seen(raw[k])
            servo["velocity"] = round(speed[k] * TICKS / (2 * np.pi))
            servo["load"] = round(1000 * float(np.clip(share[k], -1, 1)))
            servo["current"] = round(abs(share[k]) * _AMPERE)
            servo["voltage"] = round(10 * self.upset.volts)
            heat = self.upset.heat.get(servo["id"], float(self._hot[k]))
            servo["temperature"] = round(heat)
            servo["moving"] = int(abs(speed[k]) > _SLOWEST)
            self._loaded[k] = self._loaded[k] + self.step_dt if abs(share[k]) * 100 > servo["overload_torque"] else 0.0
            self._protect(servo, self._loaded[k], heat)

    def _protect(self, servo: Servo, loaded: float, heat: float) -> None:
        """Set a servo's error bits; an overload stays until its torque was switched off."""
        overload = loaded > servo["protection_time"] / 100 or (servo.error & OVERLOAD and servo["torque"])
        low, high = servo["least_volts"] / 10, servo["most_volts"] / 10
        servo.error = (
            (OVERLOAD if overload else 0)
            | (OVERHEAT if heat > servo["hottest"] else 0)
            | (0 if low <= self.upset.volts <= high else VOLTAGE)
        )
        servo["status"] = servo.error

    def close(self) -> None:
        """Stop the rendering threads."""
        self._env.close()
