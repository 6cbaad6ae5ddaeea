"""Does a policy do on the emulated arm what it does in the rehearsal loop?

    .venv/bin/python tests/acceptance/emulated_arm.py runs/reach-adapted --episodes 50

Starts `sim2real emulate` in a process of its own and evaluates the policy on it with the command's own function, over a
real pseudo-terminal and in real time; in place of a person, the emulator prepares every seed's scene and tells how it
ended. The same seeds then run in the rehearsal loop. Prints both success rates, their paired difference, and the loop's
rate and latency; exit code 1 if the difference's interval excludes 0, or the loop is slower than 90 % of its rate.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from sim2real import EvaluateConfig, evaluate
from sim2real.evaluation.results import Evaluation
from sim2real.reports.episodes import loop_line
from sim2real.robots.hardware import Hardware
from sim2real.robots.supervisor import Supervisor
from sim2real.statistics.rates import Rate, RateDifference

START = 120.0  # s for the emulator to start


class Person:
    """Answers an evaluation's questions as a person does who prepares scenes and sees how they end."""

    def __init__(self, camera: str) -> None:
        self._address = camera.rpartition("/")[0]

    def ask(self, question: str) -> str:
        if scene := re.search(r"episode (\d+)", question):
            self._get(f"reset?seed={scene[1]}")
            return ""
        return "s" if self._get("outcome")["success"] else "f"

    def _get(self, name: str) -> dict:
        with urllib.request.urlopen(f"{self._address}/{name}", timeout=10) as answer:
            return json.loads(answer.read())


def emulated(policy: Path, task: str, episodes: int, folder: Path) -> Evaluation:
    """Evaluate on an emulated arm."""
    command = [sys.executable, "-c", "from launch.main import main; main()", "emulate", "emulated", "--task", task]
    running = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL)
    try:
        address, until = folder / "emulated/camera", time.monotonic() + START
        while not address.is_file() and time.monotonic() < until:
            time.sleep(0.2)
        camera = address.read_text().strip()
        hardware = Hardware("so101", str(folder / "emulated/port"), camera, folder / "emulated/so101.json", move=True)
        config = EvaluateConfig(policy, on="robot", episodes=episodes, hardware=hardware)
        supervisor = Supervisor(present=True, ask=Person(camera).ask, announce=lambda text, program=None: print(text))
        result = evaluate(config, folder / "robot", supervisor=supervisor)
    finally:
        running.terminate()
        running.wait(20)
    assert isinstance(result, Evaluation)
    return result


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("policy", type=Path)
    parser.add_argument("--episodes", type=int, default=50)
    options = parser.parse_args()
    task = json.loads((options.policy / "policy/config.json").read_text())["policy"]["task"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        robot = emulated(options.policy, task, options.episodes, folder)
        twin = evaluate(EvaluateConfig(options.policy, on="rehearsal", episodes=options.episodes), folder / "rehearsal")
    assert isinstance(twin, Evaluation)
    ours, theirs = robot.episodes[0], twin.episodes[0]
    both = ours.completed & theirs.completed
    print(f"emulated arm:  {Rate.of(int(ours.success[both].sum()), int(both.sum()))}")
    print(f"rehearsal:     {Rate.of(int(theirs.success[both].sum()), int(both.sum()))}")
    difference = RateDifference.of(theirs.success[both], ours.success[both])
    print(f"difference:    {difference}; {int((~ours.completed).sum())} aborted")
    for loop in ours.loops:
        if "reason" in loop:
            print(f"aborted: {loop['reason']}")
    print(f"loop: {loop_line(ours)}")
    rates = [loop["loop_rate_hz"] for loop in ours.loops if loop["loop_rate_hz"]]
    nominal = 30.0
    return int(not difference.low <= 0 <= difference.high or min(rates) < 0.9 * nominal)


if __name__ == "__main__":
    sys.exit(main())
