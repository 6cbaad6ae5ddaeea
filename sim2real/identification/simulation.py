# pyright: reportAttributeAccessIssue=false
"""Open-loop replay of logged commands, for many parameter sets and episodes in parallel.

`mujoco.sysid` is not used: it recompiles the model for every parameter set, rolls out one set at a time, delays the
sensors of a finished rollout (so that the delay does not affect the arm's dynamics) and has no backlash. Here a world
of `mujoco.batch.Batch` is one parameter set in one episode, with the same servo model as in training.
"""

from collections.abc import Mapping, Sequence

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.arms import servo
from envs.arms.arm import Arm
from envs.arms.scene import TIME_STEP
from sim2real.recordings.arm_logs import Log

OFFSET, OBJECT = "offset", "object"
PARAMETERS = (*servo.PARAMETERS, OFFSET, OBJECT)
NOTHING = -10.0  # rad; an angle that no jaw reaches: no object
LOW = 0.03  # m above the table; a higher tool grasps nothing, unless logs show otherwise
RELEASED = 0.02  # rad; the jaw releases the object when commanded to open this much wider


def arm_model(arm: Arm) -> mujoco.MjModel:
    """Return the model of the arm without contacts or limits, since logs exceed the limits.

    Raises:
        InputError: its model is not installed.
    """
    spec = arm.load()
    for geom in list(spec.geoms):
        spec.delete(geom)  # bodies have explicit inertias
    for name in arm.joints:
        spec.joint(name).range, spec.joint(name).limited = [-20, 20], mujoco.mjtLimited.mjLIMITED_FALSE
    if arm.gripper is not None:
        # A held object stops the jaw like a joint limit.
        spec.joint(arm.gripper).range, spec.joint(arm.gripper).limited = [NOTHING, 20], mujoco.mjtLimited.mjLIMITED_TRUE
    for actuator in spec.actuators:
        actuator.ctrllimited = mujoco.mjtLimited.mjLIMITED_FALSE
    spec.option.timestep = TIME_STEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    servo.prepare_actuators(spec)
    return spec.compile()


class Replayer:
    """Simulates logged commands.

    Args:
        arm: the arm.
        fps: frame rate of the logs [Hz].
        threads: number of threads of the batch.

    Attributes:
        low: height above the table [m] below which the tool can grasp objects.
    """

    def __init__(self, arm: Arm, fps: float, threads: int = 2) -> None:
        self.arm, self._threads, self.low = arm, threads, LOW
        self.model = arm_model(arm)
        self.steps = max(1, round(1 / (fps * TIME_STEP)))
        self.model.opt.timestep = 1 / (fps * self.steps)
        self._site = self.model.site(arm.tool).id
        self._jaw = arm.joints.index(arm.gripper) if arm.gripper is not None else None
        self._jaw_joint = self.model.joint(arm.gripper).id if arm.gripper is not None else 0
        self._qpos = np.array([self.model.joint(name).qposadr[0] for name in arm.joints])
        self._heights: dict[int, np.ndarray] = {}
        self._made: dict[int, tuple[Batch, servo.Servos]] = {}

    def nominal(self) -> dict[str, np.ndarray]:
        """Return (J,) per parameter: the published servos, without offset or object."""
        joints = len(self.arm.joints)
        return self.arm.nominal | {OFFSET: np.zeros(joints), OBJECT: np.full(joints, NOTHING)}

    def rollout(self, parameters: Mapping[str, np.ndarray], logs: Sequence[Log]) -> list[np.ndarray]:
        """Simulate episodes from their first state.

        Args:
            parameters: (P, J) values of each of `PARAMETERS`.

        Returns:
            Joint angles (P, T, J) [rad] per log; row t is before the command of row t.
        """
        return self.windows(parameters, [(log, 0, len(log)) for log in logs])

    def windows(self, parameters: Mapping[str, np.ndarray], spans: Sequence[tuple[Log, int, int]]) -> list[np.ndarray]:
        """Simulate parts [start, end) of episodes from the logged state at start, with the history of commands."""
        order = np.argsort([start - end for _, start, end in spans], kind="stable")
        sets = len(next(iter(parameters.values())))
        # The state of one batch fits into the processor's cache.
        size, results = max(1, 512 // sets), {}
        for first in range(0, len(order), size):
            chosen = order[first : first + size]
            for k, angles in zip(chosen, self._roll(parameters, sets, [spans[k] for k in chosen]), strict=True):
                results[int(k)] = angles
        return [results[k] for k in range(len(spans))]

    def _worlds(self, count: int) -> tuple[Batch, servo.Servos]:
        if count not in self._made:
            if len(self._made) > 8:
                self._made.clear()
            batch = Batch(self.model, count, self._threads)
            self._made[count] = batch, servo.Servos(self.model, batch, self.arm.joints)
        return self._made[count]

    def _roll(
        self, parameters: Mapping[str, np.ndarray], sets: int, spans: Sequence[tuple[Log, int, int]]
    ) -> list[np.ndarray]:
        """Simulate spans; worlds are ordered by span, the longest first, then by parameter set."""
        count, every = len(spans), np.arange(len(spans) * sets)
        batch, servos = self._worlds(count * sets)
        per_world = {name: np.tile(parameters[name], (count, 1)) for name in PARAMETERS}
        batch.reset(stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        servos.set(every, per_world)
        batch.set_const()
        warm = int(np.ceil(servo.MAX_DELAY / (self.model.opt.timestep * self.steps)))
        warm = min(warm, max(start for _, start, _ in spans))
        longest = max(end - start for _, start, end in spans)
        rows = [np.clip(np.arange(start - warm, start + longest), 0, len(log) - 1) for log, start, end in spans]
        state = np.repeat(np.stack([log.state[r] for (log, *_), r in zip(spans, rows, strict=True)]), sets, 0)
        command = np.repeat(np.stack([log.command[r] for (log, *_), r in zip(spans, rows, strict=True)]), sets, 0)
        command += per_world[OFFSET][:, None]
        play = per_world["backlash"]
        servos.hold(every, np.clip(state[:, 0], command[:, 0] - play, command[:, 0] + play))
        ends = np.array([end - start for _, start, end in spans])
        qpos, qvel, angles = batch.bind("qpos"), batch.bind("qvel"), np.empty((count * sets, longest, state.shape[2]))
        jaw = self._jaw
        grasp = None if jaw is None else self._grasp(per_world[OBJECT][:, jaw], spans, sets)
        height, ends_at = batch.bind("site_xpos")[:, self._site, 2], batch.expand("jnt_range")
        for t in range(-warm, longest):
            if t <= 0:  # before the start, the state follows the log and only the command history is filled
                qpos[:, servos.qpos] = state[:, t + warm]
                qvel[:] = 0
            if t == 0 and warm:
                moving = np.repeat([start > 0 for _, start, _ in spans], sets)[:, None]
                rate = 1 / (self.model.opt.timestep * self.steps)
                qvel[:, servos.dof] = moving * (state[:, warm] - state[:, warm - 1]) * rate
            if t >= 0:
                angles[:, t] = qpos[:, servos.qpos]
            if t >= 0 and grasp is not None and jaw is not None:
                held = grasp.update(command[:, t + warm, jaw], angles[:, t, jaw], height)
                ends_at[:, self._jaw_joint, 0] = np.where(held, grasp.angle, NOTHING)
            servos.command(command[:, t + warm])
            active = every[: sets * int((ends > t).sum())]
            batch.step(active, self.steps)
        angles = angles.reshape(count, sets, longest, -1)
        return [angles[k, :, : ends[k]] for k in range(count)]

    def _grasp(self, angle: np.ndarray, spans: Sequence[tuple[Log, int, int]], sets: int) -> "Grasp":
        """Return the grasp at the start of each span, from the log before it."""
        grasp = Grasp(angle, self.low)
        if self._jaw is None or (angle <= NOTHING).all():
            return grasp
        for k, (log, start, _) in enumerate(spans):
            if start:
                before, worlds = Grasp(angle[k * sets : (k + 1) * sets], self.low), slice(k * sets, (k + 1) * sets)
                for row, height in enumerate(self.heights(log)[:start]):
                    before.update(np.full(sets, log.command[row, self._jaw]), log.state[row, self._jaw], height)
                grasp.opened[worlds], grasp.held[worlds] = before.opened, before.held
        return grasp

    def heights(self, log: Log) -> np.ndarray:
        """Return (T,) height [m] of the tool above the table at each logged state."""
        key = hash(log.state.tobytes())
        if key not in self._heights:
            data, heights = mujoco.MjData(self.model), np.empty(len(log))
            for row, state in enumerate(log.state):
                data.qpos[self._qpos] = state
                mujoco.mj_kinematics(self.model, data)
                heights[row] = data.site_xpos[self._site, 2]
            self._heights[key] = heights
        return self._heights[key]


class Grasp:
    """Objects in the jaws of n worlds, inferred from commands and the simulated arm.

    The jaw grasps the object when it was open wider than the object in this episode and is commanded to close while the
    tool is low; it releases the object when commanded to open.

    Args:
        angle: (n,) jaw angle [rad] at which the object stops it; NOTHING without an object.
        low: height above the table [m] below which the tool can grasp objects.
    """

    def __init__(self, angle: np.ndarray, low: float) -> None:
        self.low = low
        self.angle, self.opened, self.held = angle, np.zeros(len(angle), bool), np.zeros(len(angle), bool)

    def update(self, command: np.ndarray, jaw: np.ndarray, height: np.ndarray) -> np.ndarray:
        """Return (n,) whether the object is held, from jaw command and angle [rad] and the tool's height [m], (n,)."""
        shut, wide = command < self.angle, jaw >= self.angle
        self.held = (self.held | (self.opened & shut & wide & (height < self.low))) & (command < self.angle + RELEASED)
        self.opened = (self.opened | ~shut) & (wide | ~shut)
        return self.held
