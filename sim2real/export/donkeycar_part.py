"""The policy of this folder in a Donkeycar, or the car for a policy on another computer.

In the car's manage.py, after the camera was added, in place of the lines that load a model:

    import sys
    sys.path.insert(0, "FOLDER")
    from donkeycar_part import add_pilot
    add_pilot(V)

The car then drives as it does with its own models: choose "Full Auto" in the web controller. Instead, `add_bridge(V)`
lets a computer on the network drive it (`sim2real evaluate|record --on robot --robot remote`), in the same mode.
"""

from pathlib import Path
from typing import Any

from sim2real.export.exported import ExportedPolicy
from sim2real.robots.bridge import BridgeSettings
from sim2real.robots.donkeycar import HERTZ, BridgePart, Pilot
from sim2real.robots.tokens import keep_token

IMAGE, COMMAND, AUTO = "cam/image_array", ["pilot/angle", "pilot/throttle"], "run_pilot"  # Donkeycar's names


def add_pilot(vehicle: Any, folder: Path = Path(__file__).resolve().parent) -> Pilot:
    """Let the policy of an export's folder steer a vehicle whenever its pilot is on.

    Raises:
        ValueError: the folder is damaged, or its policy does not drive a car.
    """
    pilot = Pilot(ExportedPolicy(folder))
    vehicle.add(pilot, inputs=[IMAGE], outputs=COMMAND, run_condition=AUTO)
    return pilot


def add_bridge(
    vehicle: Any,
    listen: str = BridgeSettings.listen,
    token_file: Path = Path("bridge.token"),
    move: bool = False,
    jpeg: int = 90,
    rate_hz: float = HERTZ,
) -> BridgePart:
    """Offer a vehicle to one computer that has the token; without commands for 100 ms it is told zeros.

    Args:
        listen: address and port; frames and commands are not encrypted (see `BridgeSettings`).
        move: pass commands on to the car.
        jpeg: quality of its frames on the way; 0: as they are.
        rate_hz: of the vehicle's loop.

    Raises:
        ValueError: the address or the token's file cannot be used.
    """
    settings = BridgeSettings(listen, jpeg, move=move)
    part = BridgePart(keep_token(token_file), settings, rate_hz=rate_hz)
    vehicle.add(part, inputs=[IMAGE, "user/mode"], outputs=COMMAND, threaded=True)
    return part
