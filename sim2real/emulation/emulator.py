"""An emulated arm: servos on a pseudo-terminal, physics behind them, and a camera, all in real time."""

import json
import os
import select
import threading
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from envs import make_task
from sim2real.emulation.arm import CATCH_UP, EmulatedArm
from sim2real.emulation.camera import CameraServer
from sim2real.emulation.config import EmulateConfig
from sim2real.emulation.servo import Servo
from sim2real.emulation.wire import Wire
from sim2real.errors import InputError
from sim2real.files import write_json
from sim2real.robots import find_robot
from sim2real.robots.units import TICKS

PORT, CALIBRATION, CAMERA = "port", "so101.json", "camera"
"""Names in an emulator's folder: a link to the serial port, LeRobot's calibration, and the camera's address."""
_SEED = 2026
_MOUNTED = 600  # ticks by which servos were turned, at most, when they were mounted


class Emulator:
    """An SO-101 that programs reach as they reach a real one; use it in a `with` block.

    Its folder gets `port`, a link to the serial port; `so101.json`, the arm's calibration as LeRobot writes it; and
    `camera`, the address of the camera.

    Attributes:
        port, camera: what a driver opens.
        calibration: path of LeRobot's calibration file.
        wire, arm, video: servos, physics and camera, whose faults may be set.

    Raises:
        InputError: a folder in use, an unknown task or preset, a port in use.
    """

    def __init__(self, config: EmulateConfig, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._folder, self.calibration = clock, folder, folder / CALIBRATION
        if (folder / PORT).is_symlink() and (folder / PORT).exists():
            raise InputError(f"{folder} is of an emulator that runs: stop it, or choose another folder")
        robot = find_robot("so101")
        entries, servos, mounted = emulated_servos(config.calibrated)
        self.wire = Wire({each["id"]: servo for each, servo in zip(entries.values(), servos, strict=True)})
        task: Any = make_task(config.task, "rehearsal")
        self.arm = EmulatedArm(task, config.camera, mounted, config.randomization)
        self.arm.reset(config.seed)
        self._servos, self._going = servos, True
        self._tables, self._world = threading.Lock(), threading.Lock()
        self._joints = robot.joints
        answers = {"reset": self._reset, "outcome": self._outcome}
        self.video = CameraServer(config.camera_port, answers)
        self._master, slave = os.openpty()
        tty.setraw(slave)  # a terminal would echo, and change line ends
        self._slave, self.port, self.camera = slave, os.ttyname(slave), self.video.url
        folder.mkdir(parents=True, exist_ok=True)
        (folder / PORT).unlink(missing_ok=True)
        (folder / PORT).symlink_to(self.port)
        write_json(self.calibration, entries)
        (folder / CAMERA).write_text(self.camera + "\n")
        self.arm.feel(servos)
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for name, run in (("servo bus", self._serve), ("arm's world", self._live))
        ]

    def __enter__(self) -> "Emulator":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def reset(self, seed: int) -> None:
        """Prepare the scene of a seed's episode, with the arm in its start pose; servos that hold it hold it there."""
        with self._world, self._tables:
            self.arm.reset(seed)
            self.arm.feel(self._servos)
            for servo in self._servos:
                servo["goal"] = servo["position"]

    def close(self) -> None:
        """Unplug it: the port disappears, the camera stops."""
        self._going = False
        for thread in self._threads:
            if thread.is_alive():
                thread.join(2.0)
        self.video.close()
        for number in (self._master, self._slave):
            os.close(number)
        self.arm.close()
        for name in (PORT, CAMERA):
            (self._folder / name).unlink(missing_ok=True)

    def _serve(self) -> None:
        """Carry bytes between the port and the servos."""
        while self._going:
            at = self.wire.next_due()
            wait = 0.05 if at is None else max(at - self._clock(), 0.0)
            ready, _, _ = select.select([self._master], [], [], wait)
            data = os.read(self._master, 4096) if ready else b""
            with self._tables:
                self.wire.told(data, self._clock())
                answer = self.wire.due(self._clock())
            if answer:
                os.write(self._master, answer)

    def _live(self) -> None:
        """Let the world go on in real time."""
        at = self._clock()
        while self._going:
            now = self._clock()
            at = max(at, now - CATCH_UP)
            while at + self.arm.step_dt <= now and self._going:
                with self._world:
                    fresh = self.arm.step(self._servos, self._tables)
                at += self.arm.step_dt
                if fresh:
                    self.video.show(self.arm.frame)
            time.sleep(max(at + self.arm.step_dt - self._clock(), 0.0))

    def _reset(self, query: Any) -> str:
        self.reset(int(query.get("seed", 0)))
        return "{}"

    def _outcome(self, query: Any) -> str:
        with self._world:
            arm = self.arm
            return json.dumps({"success": arm.success, "failed": arm.failed, "reward": arm.reward})


def emulated_servos(calibrated: bool = True) -> tuple[dict[str, dict[str, int]], list[Servo], np.ndarray]:
    """Return LeRobot's calibration of the emulated arm, its servos, and how they were mounted (J,) [ticks].

    Args:
        calibrated: whether the servos hold the calibration's offsets and limits, as they do once LeRobot calibrated
            them.
    """
    robot = find_robot("so101")
    random = np.random.default_rng(_SEED)
    mounted = random.integers(-_MOUNTED, _MOUNTED, len(robot.joints))
    entries, servos = {}, []
    for k, (joint, (low, high)) in enumerate(zip(robot.joints, robot.limits, strict=True)):
        ends = [round(TICKS / 2 + angle * TICKS / (2 * np.pi)) for angle in (low, high)]
        offset = int(mounted[k]) + 1  # the middle of the joint's turn becomes 2047, as LeRobot sets it
        ends = [max(min(end - 1, TICKS - 1), 0) for end in ends]
        entries[joint] = {
            "id": k + 1, "drive_mode": 0, "homing_offset": offset, "range_min": ends[0], "range_max": ends[1],
        }  # fmt: skip
        held = {"homing_offset": offset, "low": ends[0], "high": ends[1]} if calibrated else {}
        servos.append(Servo(k + 1, held))
    return entries, servos, mounted
