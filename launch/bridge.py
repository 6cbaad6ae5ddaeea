"""`sim2real bridge`: expose a robot of this computer to programs on another one."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import say
from sim2real.rehearsal.bridged_config import BridgedRobot
from sim2real.robots.bridge import BridgeSettings


def command(
    robot: Annotated[BridgedRobot, tyro.conf.arg(name="")] = BridgedRobot(),
    settings: Annotated[BridgeSettings, tyro.conf.arg(name="")] = BridgeSettings(),
    token_file: Path = Path("bridge.token"),
) -> None:
    """Expose a robot of this computer to programs on another one, with a watchdog at the robot's end.

    There, `sim2real evaluate` and `replay` take it by --on robot --robot remote --address HOST:PORT --token-file FILE.
    A robot that is told nothing for --timeout stops, and so does one whose client left. One client at a time is
    served. Ctrl-C stops the robot, and an arm is let down.

    Example: sim2real bridge --robot rehearsal --task LaneFollow --move

    Args:
        token_file: file with the token that clients need; it is made, readable by its owner only, if it does not
            exist. Copy it to the other computer (scp).
    """
    from launch.keys import let_go
    from sim2real.rehearsal.bridged import open_bridged
    from sim2real.robots.bridge import Bridge
    from sim2real.robots.tokens import keep_token

    token = keep_token(token_file)
    opened, limits = open_bridged(robot)
    try:
        bridge = Bridge(opened, token, settings, limits, note=say)
    except BaseException:  # nothing moved yet: nobody is asked for support
        opened.close()
        raise
    try:
        host, port = bridge.address
        say(f"{robot.robot} at {host}:{port}, token in {token_file}")
        say("commands move it" if settings.move else "commands are refused: add --move to let clients move it")
        if host not in ("127.0.0.1", "::1"):
            say("note: frames and commands are not encrypted; on a network that others use, tunnel them (ssh -L)")
        bridge.serve()
    finally:
        let_go(opened, robot.robot == "so101")
