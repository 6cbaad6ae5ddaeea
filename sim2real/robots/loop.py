# pyright: reportArgumentType=false
"""The one loop that moves robots: observe, preprocess, act, keep it safe, command; stamped step by step."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim2real.robots.boundary import Boundary
from sim2real.robots.robot import Robot
from sim2real.robots.safety import UnsafeCommandError

SUCCESS, FAILURE, ABORTED = "success", "failure", "aborted"
STALLED = 0.5  # s without a new frame, after which the robot is stopped
LATE = 1.5  # control periods between two observations

Act = Callable[[dict[str, Any]], np.ndarray]
Outcome = Callable[[bool], str | None]
Log = Callable[[Mapping[str, Any], np.ndarray], None]


class StoppedError(Exception):
    """Why an episode cannot go on."""


@dataclass
class Trace:
    """What became of an episode on a robot, however it ended.

    Attributes:
        label: "success", "failure" or "aborted".
        reason: of an aborted one.
        interrupted: whether somebody pressed Ctrl-C.
        times: s, of every observation that was answered, on the robot's clock.
        latency: s, from an observation to its command, on this machine's clock.
        dropped: whether a frame was not new, or came late.
        limited: whether a command was changed to be safe.
    """

    label: str = ABORTED
    reason: str = ""
    interrupted: bool = False
    times: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    dropped: list[bool] = field(default_factory=list)
    limited: list[bool] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return label, steps, loop rate [Hz], latency [ms], and counts of dropped frames and limited commands."""
        span = self.times[-1] - self.times[0] if len(self.times) > 1 else 0.0
        late = 1000 * np.array(self.latency) if self.latency else np.full(1, np.nan)
        figures = {"median": np.median(late), "p95": np.quantile(late, 0.95), "largest": late.max()}
        return {
            "label": self.label,
            **({"reason": self.reason} if self.reason else {}),
            "steps": len(self.times),
            "loop_rate_hz": (len(self.times) - 1) / span if span > 0 else None,
            "latency_ms": {name: float(value) for name, value in figures.items()} if self.latency else None,
            "dropped_frames": int(sum(self.dropped)),
            "limited_commands": int(sum(self.limited)),
        }


class FrameWatch:
    """Tells whether observations bring new frames, and when none has come for too long."""

    def __init__(self, control_dt: float) -> None:
        self._dt = control_dt
        self._last: dict[str, Any] = {}
        self._fresh: dict[str, float] = {}  # s, when each was new

    def dropped(self, observation: Mapping[str, Any]) -> bool:
        """Tell whether a frame is that of the observation before, or this observation came late.

        Raises:
            StoppedError: no new frame for STALLED seconds.
        """
        now = float(observation["time"])
        frames = {key: value for key, value in observation.items() if key.startswith("images.") or key == "taken"}
        old = [key for key, value in frames.items() if np.array_equal(value, self._last.get(key))]
        late = now - self._last.get("time", now) > LATE * self._dt
        self._last = {**frames, "time": now}
        self._fresh |= {key: now for key in frames if key not in old}
        for key in old:
            if now - self._fresh[key] >= STALLED - 1e-9:
                raise StoppedError(f"the camera stalled: no new frame ({key}) for {now - self._fresh[key]:.2f} s")
        return bool(old) or late


def run_episode(
    robot: Robot,
    act: Act,
    boundary: Boundary,
    steps: int,
    outcome: Outcome,
    log: Log = lambda observation, command: None,
) -> Trace:
    """Let a policy move a robot for one episode; the robot is stopped at its end, whatever happens.

    What goes wrong on the way (a stalled camera, an observation that is not finite, a robot that does not answer, a
    command that cannot be made safe, Ctrl-C) ends the episode as "aborted"; what was stamped until then is returned.

    Args:
        act: what the policy is given (`state`, `images.<camera>`) to an action (A,) in [-1, 1]; it preprocesses.
        steps: after which the time is up.
        outcome: is asked after every observation, with whether the time is up; returns the episode's label "success",
            "failure" or "aborted", or None to go on.
        log: is called with every observation that was answered and the command that was sent.
    """
    trace, watch, sent = Trace(), FrameWatch(robot.control_dt), None
    limits = boundary.limits
    try:
        while True:
            observation = robot.observe()
            started = time.monotonic()
            label = outcome(len(trace.times) >= steps)
            if label is not None:
                trace.label, trace.reason = label, "" if label != ABORTED else "aborted by hand"
                break
            if len(trace.times) >= steps:
                raise StoppedError("the time is up and nobody said how it went")
            dropped = watch.dropped(observation)
            state = _finite(observation)
            sent = state if sent is None else sent
            seen = {**observation, "state": boundary.observed(state, sent)}
            wanted = boundary.command(act(seen), state, sent)
            safe, limited = limits.apply(wanted, sent)
            sent = np.asarray(robot.command(safe), float)
            trace.latency.append(time.monotonic() - started)
            trace.times.append(float(observation["time"]))
            trace.dropped.append(dropped)
            trace.limited.append(limited)
            log(observation, sent)
    except KeyboardInterrupt:
        trace.label, trace.reason, trace.interrupted = ABORTED, "interrupted", True
    except (StoppedError, UnsafeCommandError, OSError) as stopped:
        trace.label, trace.reason = ABORTED, " ".join(str(stopped).split())
    finally:
        try:
            robot.stop()
        except OSError as error:
            trace.label, trace.reason = ABORTED, f"{trace.reason}; it did not stop: {error}".lstrip("; ")
    return trace


def _finite(observation: Mapping[str, Any]) -> np.ndarray:
    """Return what the robot measures; raises StoppedError for what is no number."""
    state = np.asarray(observation["state"], float)
    if not np.isfinite(state).all():
        raise StoppedError(f"the observation is not finite: state {state.tolist()}")
    return state
