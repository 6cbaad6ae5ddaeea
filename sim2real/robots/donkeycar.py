"""Parts for Donkeycar's `Vehicle`: a policy as its pilot, and a bridge in either direction. Needs NumPy only.

Donkeycar's angle is our steering: both are positive to the right, in [-1, 1]. Its images are RGB, (120, 160, 3) uint8.
Lines for `manage.py`:

    V.add(Pilot(policy), inputs=["cam/image_array"], outputs=["pilot/angle", "pilot/throttle"],
          run_condition="run_pilot")
    V.add(BridgePart(token), inputs=["cam/image_array", "user/mode"], outputs=["pilot/angle", "pilot/throttle"],
          threaded=True)
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from sim2real.robots.bridge import Bridge, BridgeSettings
from sim2real.robots.remote import RemoteRobot
from sim2real.robots.safety import Limits, UnsafeCommandError
from sim2real.robots.vehicle import COMMAND, VehicleRobot

AUTO = "local"  # Donkeycar's mode in which the pilot drives alone
HERTZ = 20  # Donkeycar's DRIVE_LOOP_HZ


class Driver(Protocol):
    """A policy of a car, such as an exported one."""

    @property
    def action_names(self) -> Sequence[str]: ...

    @property
    def camera(self) -> str: ...

    def act(self, observation: Mapping[str, Any]) -> np.ndarray: ...


class Pilot:
    """A policy as a part: `cam/image_array` -> `pilot/angle`, `pilot/throttle`.

    Its state is what the car was told last, zeros at the start. If a driver or another part changes what the pilot
    wants, give the vehicle's `steering` and `throttle` as further inputs.

    Args:
        policy: policy whose actions are steering and throttle.

    Raises:
        UnsafeCommandError: the policy has other actions.
    """

    def __init__(self, policy: Driver) -> None:
        names = tuple(policy.action_names)
        if sorted(names) != sorted(COMMAND):
            raise UnsafeCommandError(f"this policy commands {', '.join(names)}, a car takes {' and '.join(COMMAND)}")
        self._policy, self._order = policy, [names.index(name) for name in COMMAND]
        self._key = f"images.{policy.camera}"
        self._told = (0.0, 0.0)

    def run(
        self, image: np.ndarray | None, steering: float | None = None, throttle: float | None = None
    ) -> tuple[float, float]:
        """Return angle and throttle for an image (H, W, 3) uint8 RGB; zeros as long as there is none.

        Raises:
            UnsafeCommandError: the policy's action is not finite; the vehicle stops.
        """
        if image is None:
            return 0.0, 0.0
        if steering is not None and throttle is not None:
            self._told = float(steering), float(throttle)
        state = np.zeros(len(COMMAND), np.float32)
        state[self._order] = self._told
        action = np.asarray(self._policy.act({self._key: image, "state": state}), float)
        if not np.isfinite(action).all():
            raise UnsafeCommandError(f"the action is not finite: {action.tolist()}")
        angle, speed = (float(np.clip(action[k], -1, 1)) for k in self._order)
        self._told = angle, speed
        return self._told

    def shutdown(self) -> None:
        """Do nothing, as nothing is open."""


class BridgePart:
    """Offers the vehicle through a bridge, as a threaded part: image -> angle and throttle of a client, or zeros.

    Args:
        token: the bridge's token (`sim2real.robots.tokens.keep_token`).
        settings: its address, and whether commands move the car.
        camera: name of the camera for clients.
        rate_hz: rate of the vehicle's loop.
        note: called with what somebody beside the car should see.

    Attributes:
        address: host and port.

    Raises:
        InputError: the address is in use, or not of this computer.
    """

    def __init__(
        self,
        token: str,
        settings: BridgeSettings = BridgeSettings(),
        camera: str = "front",
        rate_hz: float = HERTZ,
        note: Callable[[str], object] = print,
    ) -> None:
        largest = np.ones(len(COMMAND))
        self._robot = VehicleRobot(camera, 1 / rate_hz, settings.timeout)
        self._bridge = Bridge(self._robot, token, settings, Limits(-largest, largest, 2 * largest), note=note)
        self.address = self._bridge.address

    def update(self) -> None:
        """Serve clients until `shutdown`; Donkeycar runs it in a thread of its own."""
        self._bridge.serve()

    def run_threaded(self, image: np.ndarray | None, mode: str = AUTO) -> tuple[float, float]:
        """Show an image to the client, and return the angle and throttle that it told last.

        Args:
            mode: Donkeycar's `user/mode`; a client is told where the car does not do what it says.
        """
        if image is not None:
            self._robot.show(image, mode == AUTO)
        return self._robot.told()

    def shutdown(self) -> None:
        """Stop serving."""
        self._robot.stop()
        self._bridge.close()


class RemoteCamera:
    """The camera of a robot behind a bridge: -> `cam/image_array`. Its `run` waits for the robot's next period."""

    def __init__(self, robot: RemoteRobot, camera: str = "front") -> None:
        self._robot, self._key = robot, f"images.{camera}"

    def run(self) -> np.ndarray:
        """Return an image (H, W, 3) uint8 RGB; raises OSError if the robot does not answer: the vehicle stops."""
        return self._robot.observe()[self._key]

    def shutdown(self) -> None:
        """Leave the connection to the actuator, which stops the robot."""


class RemoteActuator:
    """Steering and motor of a robot behind a bridge: `steering`, `throttle` ->."""

    def __init__(self, robot: RemoteRobot) -> None:
        self._robot = robot

    def run(self, angle: float | None, throttle: float | None) -> None:
        """Command the robot; raises OSError if it does not answer, or stopped by itself: the vehicle stops."""
        self._robot.command(np.array([angle or 0.0, throttle or 0.0]))

    def shutdown(self) -> None:
        """Stop the robot, and leave it."""
        self._robot.close()
