"""Recordings of a simulated SO-101 whose servos are known."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from envs.arms.so101 import SO101
from sim2real.datasets import EpisodeWriter, Feature
from sim2real.identification.simulation import Replayer
from sim2real.recordings.arm_logs import Log
from sim2real.robots.units import TICKS, JointUnits

NAMES = tuple(f"{joint}.pos" for joint in SO101.joints)
TICK = 2 * np.pi / TICKS
HOME = np.array(SO101.home)
TRUE = {"gain": 18.0, "damping": 1.4, "friction": 0.08, "armature": 0.028, "torque": 2.5, "braking": 0.0,
        "delay": 0.03, "backlash": 0.012}  # fmt: skip


def replayer(fps: float = 30.0) -> Replayer:
    return Replayer(SO101, fps, threads=2)


def parameters(**changed: float) -> dict[str, np.ndarray]:
    """(J,) each: TRUE, but for what is named."""
    joints = len(SO101.joints)
    return replayer().nominal() | {name: np.full(joints, value) for name, value in (TRUE | changed).items()}


def commands(seconds: float, rng: np.random.Generator, fps: float = 30.0) -> np.ndarray:
    """(T, J) rad, as a hesitating person gives them: moves of a second or so, with pauses between."""
    rows, at = [], HOME + rng.uniform(-0.1, 0.1, len(HOME))
    while len(rows) < seconds * fps:
        goal = HOME + rng.uniform(-0.45, 0.45, len(HOME)) * (1, 1, 1, 1, 1, 0.5)
        steps = rng.integers(15, 40)
        rows += list(at + (goal - at) * (1 - np.cos(np.linspace(0, np.pi, steps)))[:, None] / 2)
        rows += [goal] * int(rng.integers(0, 20))
        at = goal
    return np.array(rows[: round(seconds * fps)])


def logs(true: dict[str, np.ndarray], episodes: int, seconds: float = 5.0, seed: int = 0) -> list[Log]:
    """Of servos with these parameters (J,), read in whole ticks."""
    rng, sim = np.random.default_rng(seed), replayer()
    commanded = [commands(seconds, rng) for _ in range(episodes)]
    asked = [Log(k, np.tile(HOME, (len(command), 1)), command) for k, command in enumerate(commanded)]
    angles = sim.rollout({name: values[None] for name, values in true.items()}, asked)
    return [Log(log.index, np.round(a[0] / TICK) * TICK, log.command) for log, a in zip(asked, angles, strict=True)]


def units(mode: str = "normalized") -> JointUnits:
    """Degrees, or the -100…100 of an arm whose joints were calibrated over different ranges."""
    ticks = np.array([2588.0, 2392.0, 2238.0, 2394.0, 3833.0, 1829.0])  # per range
    scale = TICK * ticks / 200
    if mode == "degrees":
        scale[:] = TICK * (TICKS - 1) / 360
    scale[-1] = TICK * ticks[-1] / 100
    return JointUnits(mode, tuple(scale.tolist()), (0.0, 0.0, 0.0, 0.0, 0.0, -0.1745))


def write(
    root: Path,
    recorded: Sequence[Log],
    mode: str = "normalized",
    robot_type: str = "so101_follower",
    names: tuple[str, ...] = NAMES,
    scale: float = 1.0,
    sessions: Sequence[str | None] | None = None,
) -> Path:
    """As LeRobot would record them; scale falsifies the units, sessions names those of the episodes."""
    feature = Feature("float32", (len(names),), names)
    known = units(mode)
    with EpisodeWriter(root, {"action": feature, "observation.state": feature}, 30, robot_type=robot_type) as writer:
        for log, session in zip(recorded, sessions or [None] * len(recorded), strict=True):
            state = np.round((log.state - known.zero) / TICK) * TICK  # whole ticks from the calibrated zero
            columns = {"observation.state": state / known.scale, "action": known.from_radians(log.command)}
            for row in range(len(log)):
                writer.add_frame({k: (v[row] * scale).astype(np.float32) for k, v in columns.items()})
            writer.save_episode("move about", session)
    return root
