# pyright: reportArgumentType=false
"""The control loop of robots: observe, act, limit the command, send it; with time stamps of every step."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim2real.robots.boundary import Boundary
from sim2real.robots.robot import Robot
from sim2real.robots.safety import Limits, UnsafeCommandError

SUCCESS, FAILURE, ABORTED = "success", "failure", "aborted"
STALLED = 0.2  # s without a new frame after which the robot is stopped
STOOD = 0.5  # s between two observations, after which the world is not the one that was acted on
LATE = 1.5  # maximum number of control periods between two observations

Act = Callable[[dict[str, Any]], np.ndarray]
Outcome = Callable[[bool], str | None]
Log = Callable[[Mapping[str, Any], np.ndarray, bool], None]
Hand = Callable[[np.ndarray], np.ndarray | None]


class StoppedError(Exception):
    """An episode cannot continue."""


@dataclass
class Trace:
    """Record of an episode on a robot.

    Attributes:
        label: "success", "failure" or "aborted".
        reason: reason of an abort.
        interrupted: whether Ctrl-C ended the episode.
        times: time [s] of every observation with a command, on the robot's clock.
        latency: time [s] from an observation to its command, on this machine's clock.
        dropped: whether a frame was not new, or came late.
        limited: whether a command was limited for safety.
        by_hand: whether a person commanded in place of the policy.
    """

    label: str = ABORTED
    reason: str = ""
    interrupted: bool = False
    times: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    dropped: list[bool] = field(default_factory=list)
    limited: list[bool] = field(default_factory=list)
    by_hand: list[bool] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return label, steps, loop rate [Hz], latency [ms], and counts of dropped frames and of commands limited or by
        hand."""
        span = self.times[-1] - self.times[0] if len(self.times) > 1 else 0.0
        late = 1000 * np.array(self.latency) if self.latency else np.full(1, np.nan)
        figures = {"median": np.median(late), "p95": np.quantile(late, 0.95), "p99": np.quantile(late, 0.99)}
        figures["largest"] = late.max()
        return {
            "label": self.label,
            **({"reason": self.reason} if self.reason else {}),
            "steps": len(self.times),
            "loop_rate_hz": (len(self.times) - 1) / span if span > 0 else None,
            "latency_ms": {name: float(value) for name, value in figures.items()} if self.latency else None,
            "dropped_frames": int(sum(self.dropped)),
            "limited_commands": int(sum(self.limited)),
            "interventions": int(sum(self.by_hand)),
        }


class FrameWatch:
    """Checks whether observations have new frames, and detects a stalled camera."""

    def __init__(self, control_dt: float) -> None:
        self._dt = control_dt
        self._last: dict[str, Any] = {}
        self._begun = False
        self._fresh: dict[str, float] = {}  # s, time of each camera's last new frame

    def dropped(self, observation: Mapping[str, Any]) -> bool:
        """Return whether a frame repeats the previous observation's, or this observation came late.

        Raises:
            StoppedError: no new frame for STALLED seconds, or no observation for STOOD: the computer was suspended, or
                the policy hung.
        """
        now = float(observation["time"])
        if self._begun and now - self._last["time"] > STOOD:  # the first action takes longer
            raise StoppedError(f"nothing was commanded for {now - self._last['time']:.2f} s: the computer stood still")
        self._begun = bool(self._last)
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
    log: Log = lambda observation, command, by_hand: None,
    hand: Hand = lambda sent: None,
) -> Trace:
    """Let a policy control a robot for one episode; the robot is always stopped at its end.

    Errors (a stalled camera, an observation that is not finite, a robot that does not answer, a command that cannot be
    made safe, Ctrl-C) end the episode as "aborted"; the trace until then is returned.

    Args:
        act: maps the policy's observation (`state`, `images.<camera>`) to an action (A,) in [-1, 1]; it preprocesses.
        steps: maximum number of steps.
        outcome: called after every observation, with whether the time is up; returns the episode's label "success",
            "failure" or "aborted", or None to continue.
        log: called with every observation, its command, and whether that was a person's.
        hand: called before every command with the last one (A,) in physical units; returns a person's command (A,)
            in place of the policy's, or None.
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
                raise StoppedError("the time is up and no outcome was given")
            dropped = watch.dropped(observation)
            state = _finite(observation["state"], "observation")
            sent = state if sent is None else sent
            wanted = hand(sent)
            by_hand = wanted is not None
            if wanted is None:
                seen = {**observation, "state": boundary.observed(state, sent)}
                wanted = boundary.command(_finite(act(seen), "action"), state, sent)
            safe, limited = _safe(limits, wanted, sent, state, by_hand)
            sent = np.asarray(robot.command(safe), float)
            trace.latency.append(time.monotonic() - started)
            trace.times.append(float(observation["time"]))
            trace.dropped.append(dropped)
            trace.limited.append(limited)
            trace.by_hand.append(by_hand)
            log(observation, sent, by_hand)
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


def _safe(
    limits: Limits, wanted: np.ndarray, sent: np.ndarray, state: np.ndarray, by_hand: bool
) -> tuple[np.ndarray, bool]:
    """Return a command within the limits, and whether it was limited.

    A person's that cannot be made safe is not sent: the last one is held, as they see what is in the way.
    """
    try:
        return limits.apply(wanted, sent, state)
    except UnsafeCommandError:
        if not by_hand:
            raise
        return sent, True


def _finite(values: np.ndarray, of: str) -> np.ndarray:
    """Return values of an observation or an action; raises StoppedError if they are not finite."""
    values = np.asarray(values, float)
    if not np.isfinite(values).all():
        raise StoppedError(f"the {of} is not finite: {values.tolist()}")
    return values
