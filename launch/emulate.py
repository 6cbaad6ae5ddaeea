"""`sim2real emulate`: an arm's servos on a serial port that is not there, to try everything on."""

import time
from pathlib import Path
from typing import Annotated

import tyro

from launch.console import say
from sim2real.emulation.config import EmulateConfig


def command(
    folder: tyro.conf.Positional[Path] = Path("emulated"),
    config: Annotated[EmulateConfig, tyro.conf.arg(name="")] = EmulateConfig(),
    seconds: float | None = None,
) -> None:
    """Emulate an SO-101: its servos on a serial port, physics behind them, a camera, all in real time.

    Any program that drives Feetech's servos can open the port: it speaks their protocol, with their control table,
    EEPROM lock, limits, error bits, heat and overload. The arm lives in a world of a task, on the rehearsal robot's
    side: another lens, look and servos than in training. Ctrl-C unplugs it.

    Example: sim2real emulate emulated --task Reach

    Args:
        folder: gets `port`, a link to the serial port; `so101.json`, LeRobot's calibration file of this arm; and
            `camera`, the address of its camera.
        seconds: unplug it after so long; None: at Ctrl-C.
    """
    from sim2real.emulation.emulator import CALIBRATION, PORT, Emulator

    with Emulator(config, folder) as arm:
        say(f"port: {folder / PORT} -> {arm.port}")
        say(f"calibration: {folder / CALIBRATION}")
        say(f"camera: {arm.camera}")
        say(
            f"try: sim2real evaluate POLICY --on robot --robot so101 --port {folder / PORT} --calibration"
            f" {folder / CALIBRATION} --camera {arm.camera} --episodes 2 --move"
        )
        started = time.monotonic()
        while seconds is None or time.monotonic() < started + seconds:
            time.sleep(0.2)
