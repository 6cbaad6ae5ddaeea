"""A bridge or its client is killed or suspended, in processes of their own."""

import os
import signal
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from bridges import TOKEN, Remembering, bridged, episode, wait_for
from sim2real.robots.remote import RemoteRobot

CLIENT = """
import sys, numpy as np
from sim2real.robots.remote import RemoteRobot
robot = RemoteRobot(sys.argv[1], sys.stdin.readline().strip())
while True:
    robot.observe()
    robot.command(np.array([0.1, 0.1]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGKILL", "SIGSTOP"])
def test_a_client_that_is_killed_or_suspended_leaves_a_robot_that_stands(how: str):
    robot = Remembering()
    with bridged(robot, timeout=1.0 if how == "SIGKILL" else 0.5) as address:
        client = subprocess.Popen([sys.executable, "-c", CLIENT, address], stdin=subprocess.PIPE, text=True)
        try:
            assert client.stdin is not None
            client.stdin.write(TOKEN + "\n")
            client.stdin.flush()
            wait_for(lambda: len(robot.commanded) > 10, 60)
            count = len(robot.stops)
            client.send_signal(signal.Signals[how])
            sent = time.monotonic()
            wait_for(lambda: len(robot.stops) > count)
            last = robot.commanded[-1]
            print(f"{how}: stopped {1000 * (robot.stops[-1] - sent):.0f} ms after the signal,")
            print(f"{1000 * (robot.stops[-1] - last):.0f} ms after the last command")
            time.sleep(0.1)
            assert not robot.moving and robot.commanded[-1] == last
        finally:
            client.kill()
            client.wait(10)


SERVER = """
import sys
from sim2real.robots.bridge import Bridge, BridgeSettings
from sim2real.robots.loopback import Loopback
bridge = Bridge(Loopback(("a", "b"), 1 / 30, ("front",)), sys.stdin.readline().strip(),
                BridgeSettings("127.0.0.1:0", move=True, timeout=5.0))
print(bridge.address[1], flush=True)
bridge.serve()
"""


@pytest.mark.slow
def test_a_bridge_that_is_killed_aborts_the_episode():
    server = subprocess.Popen([sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdin is not None and server.stdout is not None
        server.stdin.write(TOKEN + "\n")
        server.stdin.flush()
        remote, killed = RemoteRobot(f"127.0.0.1:{int(server.stdout.readline())}", TOKEN), list[float]()

        def act(observation: dict[str, Any]) -> np.ndarray:
            if not killed:
                os.kill(server.pid, signal.SIGKILL)
                killed.append(time.monotonic())
            return np.zeros(2)

        trace, _ = episode(remote, 1000, act)
        print(f"noticed {1000 * (time.monotonic() - killed[0]):.0f} ms after the signal")
        assert trace.label == "aborted" and "the connection" in trace.reason and len(trace.times) <= 1
    finally:
        server.kill()
        server.communicate()
