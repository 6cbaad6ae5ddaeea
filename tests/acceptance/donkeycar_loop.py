"""Does an exported policy drive as well in Donkeycar's own loop as in ours?

Donkeycar needs NumPy below 2 and Sim2Real 2 or more, so it has an environment of its own, and a bridge between:

    python3.11 -m venv donkey
    donkey/bin/pip install donkeycar==5.3.0 onnxruntime 'opencv-python-headless<4.12'
    .venv/bin/python tests/acceptance/donkeycar_loop.py donkey/bin/python runs/policy /tmp/donkey --episodes 20

The rehearsal car is served by `sim2real bridge`. A process of Donkeycar's environment drives it with a `Vehicle` at
20 Hz: camera and actuators of the bridge, the exported policy as `Pilot`, the stock `DriveMode` and `TubWriter`. The
same policy then drives the same episodes in our loop. An export differs from its policy by some 1e-6, which decides
where a policy is about to fail: so the commands are compared to those of the export in our loop, too. The tub is
imported, and an episode of it replayed. An assertion that fails ends it with exit code 1.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

SIM2REAL = (sys.executable, "-c", "from launch.main import main; main()")
HERTZ, LOOPS = 20, 5000


def drive(address: str, folder: Path, episodes: int, seed: int) -> None:
    """Drive the episodes in Donkeycar's loop, in its environment; the token comes by the environment."""
    from donkeycar.parts.tub_v2 import TubWriter  # pyright: ignore[reportMissingImports]
    from donkeycar.templates.complete import DriveMode  # pyright: ignore[reportMissingImports]
    from donkeycar.vehicle import Vehicle  # pyright: ignore[reportMissingImports]
    from sim2real_runtime.exported import ExportedPolicy  # pyright: ignore[reportMissingImports]
    from sim2real_runtime.robots.donkeycar import (  # pyright: ignore[reportMissingImports]
        Pilot,
        RemoteActuator,
        RemoteCamera,
    )
    from sim2real_runtime.robots.remote import RemoteRobot  # pyright: ignore[reportMissingImports]
    from sim2real_runtime.robots.tokens import read_token  # pyright: ignore[reportMissingImports]

    class Judge:
        """Ends the loop with the episode: no command and no record follow its last image."""

        def __init__(self, robot: Any, vehicle: Any) -> None:
            self.robot, self.vehicle, self.label, self.times = robot, vehicle, None, []

        def run(self) -> tuple[bool, bool]:
            self.label = self.robot.outcome()
            going = self.vehicle.on = self.label is None
            if going:
                self.times.append(time.monotonic())
            return going, going

        def shutdown(self) -> None:
            """Nothing is open."""

    policy, robot = ExportedPolicy(folder / "exported"), RemoteRobot(address, read_token(None))
    recorded = {"cam/image_array": "image_array", "user/angle": "float", "user/throttle": "float", "user/mode": "str",
                "pilot/angle": "float", "pilot/throttle": "float"}  # fmt: skip
    results = []
    for episode in range(episodes):
        robot.reset(seed + episode)
        vehicle = Vehicle()
        vehicle.mem.put(["user/mode"], "local")
        vehicle.mem.put(["user/angle", "user/throttle"], [0.0, 0.0])
        judge = Judge(robot, vehicle)
        vehicle.add(RemoteCamera(robot), outputs=["cam/image_array"])
        vehicle.add(judge, outputs=["run_pilot", "recording"])
        pilot = ["pilot/angle", "pilot/throttle"]
        vehicle.add(Pilot(policy), inputs=["cam/image_array"], outputs=pilot, run_condition="run_pilot")
        inputs = ["user/mode", "user/angle", "user/throttle", *pilot]
        vehicle.add(DriveMode(), inputs=inputs, outputs=["steering", "throttle"])
        vehicle.add(RemoteActuator(robot), inputs=["steering", "throttle"], run_condition="run_pilot")
        tub = TubWriter(str(folder / "tub"), inputs=list(recorded), types=list(recorded.values()))
        vehicle.add(tub, inputs=list(recorded), outputs=["tub/num_records"], run_condition="recording")
        vehicle.start(rate_hz=HERTZ, max_loop_count=LOOPS)
        steps = np.diff(judge.times)
        results.append(
            {"label": judge.label or "aborted", "steps": len(judge.times), "hertz": 1 / float(np.median(steps))}
        )
        print(f"episode {seed + episode}: {results[-1]}", file=sys.stderr, flush=True)
    (folder / "donkeycar.json").write_text(json.dumps(results))


def sim2real(*words: object) -> None:
    """Run a command, and show what it says."""
    subprocess.run([*SIM2REAL, *map(str, words)], check=True)


def served(folder: Path, timeout: float) -> tuple[subprocess.Popen[str], str]:
    """Start the bridge with the rehearsal car; returns its process and address."""
    words = ["bridge", "--robot", "rehearsal", "--task", "LaneFollow", "--no-real-time", "--listen", "127.0.0.1:0"]
    words += ["--timeout", str(timeout), "--token-file", str(folder / "bridge.token"), "--move"]
    bridge = subprocess.Popen(
        [*SIM2REAL, *words], stdout=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    assert bridge.stdout is not None
    for line in bridge.stdout:
        if line.startswith("rehearsal at "):
            return bridge, line.split()[2].rstrip(",")
    raise SystemExit("the bridge did not start")


def commands(exported: Path, seed: int) -> np.ndarray:
    """Return the commands (n, 2) of the exported policy in our loop, in the episode of a seed."""
    from envs import make_task
    from sim2real.export.exported import ExportedPolicy
    from sim2real.rehearsal.robot import SimulatedRobot
    from sim2real.robots.loop import run_episode

    robot, sent = SimulatedRobot(make_task("LaneFollow", "rehearsal"), ("front",)), []
    robot.reset(seed)
    act, steps = ExportedPolicy(exported).act, robot.steps_at_most
    run_episode(robot, act, robot.boundary, steps, robot.outcome, lambda seen, told, by_hand: sent.append(told))
    robot.close()
    return np.array(sent)


def compare(python: Path, policy: Path, folder: Path, episodes: int, seed: int, timeout: float) -> None:
    """Drive in both loops, and print both successes and their paired difference."""
    from sim2real.datasets import EpisodeDataset
    from sim2real.robots.tokens import VARIABLE, read_token
    from sim2real.statistics.rates import Rate, RateDifference

    folder.mkdir(parents=True)
    sim2real("export", policy, "--out", folder / "exported")
    bridge, address = served(folder, timeout)
    try:
        paths = [str((folder / "exported").resolve()), *filter(None, [os.environ.get("DONKEY_PATH")])]
        known = {"PYTHONPATH": os.pathsep.join(paths), VARIABLE: read_token(folder / "bridge.token")}
        words = [__file__, "drive", address, folder, "--episodes", episodes, "--seed", seed]
        subprocess.run([str(python), *map(str, words)], check=True, env={**os.environ, **known})
    finally:
        bridge.terminate()
        bridge.wait(60)
    sim2real("evaluate", policy, "--on", "rehearsal", "--episodes", episodes, "--seed", seed, "--out", folder / "ours")
    theirs = json.loads((folder / "donkeycar.json").read_text())
    ours = json.loads((folder / "ours" / "metrics.json").read_text())["episodes"]
    rate = float(np.median([row["hertz"] for row in theirs]))
    kept = sum(row["steps"] for row in theirs)
    # A machine that is busy is slower; the car's world waits for it.
    fps = ("--fps", f"{rate:.1f}", "--max-gap", 5) if abs(rate / HERTZ - 1) > 0.05 else ()
    sim2real("import", folder / "tub", folder / "dataset", "--autopilot", *fps)
    dataset = EpisodeDataset(folder / "dataset")
    sim2real("replay", folder / "dataset", "--on", "policy", "--checkpoint", policy, "--out", folder / "replay")
    first, again = dataset.episode(0)["action"], commands(folder / "exported", seed)
    equal = min(len(first), len(again))
    apart = np.abs(first[:equal] - again[:equal]).max(1)
    assert not [row for row in theirs if row["label"] == "aborted"], "an episode was aborted"
    both = [np.array([row["label"] == "success" for row in rows]) for rows in (ours, theirs)]
    same = sum(a["steps"] == b["steps"] for a, b in zip(ours, theirs, strict=True))
    print(f"our loop: {Rate.of(int(both[0].sum()), episodes)}")
    print(f"Donkeycar's loop, {rate:.1f} Hz: {Rate.of(int(both[1].sum()), episodes)}")
    print(f"episodes that took equally many steps: {same} of {episodes}")
    print(
        f"commands of the first episode, to those of the exported policy in our loop: {apart.max():.1e} apart at most"
    )
    print(f"tub: {dataset.frames} of {kept} driven frames are in the dataset, {len(dataset)} episodes")
    print(f"Donkeycar's minus ours: {RateDifference.of(*both)}")
    assert apart[:HERTZ].max() < 1e-4, "the same policy on the same frames"
    assert dataset.frames == kept, "every driven frame is one of the dataset"


if __name__ == "__main__":
    driving = sys.argv[1:2] == ["drive"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("address", "folder") if driving else ("python", "policy", "folder"):
        parser.add_argument(name, type=str if name == "address" else Path)
    parser.add_argument("--episodes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=10_000_000)
    if not driving:
        parser.add_argument(
            "--timeout", type=float, default=2.0, help="the bridge's, in s, as this machine may be busy"
        )
    (drive if driving else compare)(**vars(parser.parse_args(sys.argv[2 if driving else 1 :])))
