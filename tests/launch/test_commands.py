"""What every command keeps to: help with an example; for bad input one line, exit code 2, and nothing left behind."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import warp as wp

from envs import make_task
from launch.main import _verbs
from policies import Policy, save_policy
from sim2real.pretraining import PretrainConfig, policy_config
from sim2real.runs import start_run
from sim2real.training import TrainConfig

torch.set_num_threads(1)
VERBS = pytest.mark.parametrize("verb", sorted(_verbs()))


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b"" for p in folder.rglob("*")}


@VERBS
def test_help_has_an_example_and_says_what_every_option_is(command: Callable[..., Any], verb: str):
    done = command(verb, "--help")
    assert done.code == 0 and done.err == ""
    assert f"Example: sim2real {verb}" in done.out
    assert "(default: " in done.out


@VERBS
def test_the_example_in_the_help_parses(command: Callable[..., Any], verb: str):
    """Every word of it is an option that exists: with one more that does not, that one alone is complained of."""
    (example,) = (line for line in command(verb, "--help").out.splitlines() if line.startswith("Example: "))
    words = shlex.split(example.removeprefix("Example: sim2real "))
    assert words[0] == verb
    done = command(*words, "--no-such-option")
    assert done.code == 2 and "Unrecognized options: --no-such-option" in done.err, done.err


def test_the_verbs_are_listed(command: Callable[..., Any]):
    done = command("--help")
    assert done.code == 0
    for verb in ("demo", "train", "pretrain", "evaluate", "look"):
        assert verb in done.out
    for words in ([], ["trian"], ["train"], ["train", "LaneFollow", "--steps", "many"]):
        assert command(*words).code == 2


TOML = {
    "syntax": ('[[vary]\nfield = "mat_rgba"', "syntax.toml is not valid TOML: .*line 1"),
    "key": ('[[vary]]\nfield = "mat_rgba"\ndistributoin = "uniform"\nrange = [0, 1]', "entry 1: unknown key 'distrib"),
    "field": (
        '[[vary]]\nfield = "mat_rgb"\ndistribution = "uniform"\nrange = [0, 1]',
        "'mat_rgb'.*did you mean.*mat_rgba",
    ),
    "name": (
        '[[vary]]\nfield = "mat_rgba"\nnames = "raod"\ndistribution = "uniform"\nrange = [0, 1]',
        "no name matches 'raod'; did you mean road",
    ),
    "range": ('[[vary]]\nfield = "mat_rgba"\ndistribution = "uniform"\nrange = [1, 0]', "low end above its high end"),
}


@pytest.mark.parametrize("verb", ["train", "pretrain", "look"])
@pytest.mark.parametrize("kind", TOML)
def test_a_bad_randomization_is_named_with_its_place(
    command: Callable[..., Any], workplace: Path, short_lane: str, verb: str, kind: str
):
    text, message = TOML[kind]
    (workplace / f"{kind}.toml").write_text(text)
    complains(command, workplace, (verb, short_lane, "--randomization", f"{kind}.toml"), message)


def complains(command: Callable[..., Any], workplace: Path, words: tuple, message: str) -> None:
    """One line on stderr that says so, exit code 2, and the folder as it was."""
    before = everything(workplace)
    done = command(*words)
    assert done.code == 2, done
    lines = done.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("error: ") and "Traceback" not in done.out
    assert re.search(message, lines[0]), lines[0]
    assert everything(workplace) == before


BAD = [
    (("train", "Foo"), "no task 'Foo'; valid: LaneFollow"),
    (("pretrain", "LaneFolow"), "no task 'LaneFolow'; did you mean LaneFollow"),
    (("look", "lanefollow2"), "no task 'lanefollow2'"),
    (("train", "LaneFollow", "--worlds", "0"), "worlds must be at least 1, not 0"),
    (("pretrain", "LaneFollow", "--worlds", "0"), "worlds must be at least 1, not 0"),
    (("train", "LaneFollow", "--steps", "0"), "steps must be at least 1, not 0"),
    (("train", "LaneFollow", "--algorithm", "pop"), "no algorithm 'pop'; valid: ppo, sac"),
    (("train", "LaneFollow", "--learning-rate", "-1"), "learning_rate must be positive, not -1.0"),
    (("train", "LaneFollow", "--evaluate", "-1"), "evaluate must be at least 0 episodes, not -1"),
    (("train", "LaneFollow", "--seed", "-1"), "seed must be between 0 and"),
    (("train", "LaneFollow", "--randomization", "wild"), "no randomization 'wild'; presets: none, default, wide"),
    (("train", "LaneFollow", "--randomization", "no.toml"), "no.toml: No such file or directory"),
    (("pretrain", "LaneFollow", "--image-size", "0", "0"), "image size 0x0: .* multiples of 4, and at least 16"),
    (("pretrain", "LaneFollow", "--image-size", "50", "50"), "image size 50x50: .* multiples of 4"),
    (("pretrain", "LaneFollow", "--frames", "-5"), "frames must be positive, not -5"),
    (("pretrain", "LaneFollow", "--reuse", "inf"), "reuse must be positive, not inf"),
    (("pretrain", "LaneFollow", "--method", "bc"), "no method 'bc'; valid: dagger, ppo"),
    (("pretrain", "LaneFollow", "--encoder", "vit"), "unknown encoder kind 'vit'; valid: conv, resnet18"),
    (("pretrain", "LaneFollow", "--width", "0"), "encoder width must be at least 1, got 0"),
    (("pretrain", "LaneFollow", "--teacher", "nowhere"), "nowhere is not a run: it has no config.json"),
    (("pretrain", "LaneFollow", "--device", "gpu"), "no device 'gpu' on this machine; available: cpu"),
    (("train", "LaneFollow", "--resume"), r"nothing to resume: no runs/train-LaneFollow-\* here"),
    (("train", "LaneFollow", "--resume", "--out", "nowhere"), "nothing to resume: nowhere has no config.json"),
    (("pretrain", "LaneFollow", "--resume"), r"nothing to resume: no runs/pretrain-LaneFollow-\* here"),
    (("evaluate", "nowhere"), "no checkpoint folder .*nowhere"),
    (("look", "LaneFollow", "--out", "sheet.bmp"), r"the name must end in \.png or \.jpg"),
    (("look", "LaneFollow", "--beside", "nowhere"), r"no \.jpg or \.png picture in nowhere"),
    (("demo", "--frames", "0"), "frames must be positive, not 0"),
    (("demo", "--steps", "-1"), "steps must be at least 1, not -1"),
    (("demo", "--episodes", "-1"), "evaluate must be at least 0 episodes, not -1"),
]


@pytest.mark.parametrize(
    ("words", "message"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_bad_input_is_one_line(
    command: Callable[..., Any], workplace: Path, short_lane: str, words: tuple, message: str
):
    complains(command, workplace, words, message)


@pytest.mark.skipif(wp.is_cuda_available(), reason="there is a CUDA device here")
@pytest.mark.parametrize("verb", ["pretrain", "evaluate"])
def test_a_gpu_that_is_not_there(command: Callable[..., Any], workplace: Path, short_lane: str, verb: str):
    checkpoint(workplace / "policy")
    subject = short_lane if verb == "pretrain" else "policy"
    complains(
        command, workplace, (verb, subject, "--device", "cuda"), "no device 'cuda' on this machine; available: cpu"
    )


@pytest.mark.parametrize("verb", ["train", "pretrain"])
def test_a_folder_in_use(command: Callable[..., Any], workplace: Path, short_lane: str, verb: str):
    (workplace / "thesis").mkdir()
    (workplace / "thesis" / "thesis.tex").write_text("years of work")
    message = "thesis exists: add --resume to go on with it, or choose another --out"
    complains(command, workplace, (verb, short_lane, "--out", "thesis"), message)
    message = "nothing to resume: thesis has no config.json"
    complains(command, workplace, (verb, short_lane, "--out", "thesis", "--resume"), message)


def test_a_run_of_another_command_or_task_or_version(command: Callable[..., Any], workplace: Path, short_lane: str):
    start_run("train", TrainConfig(short_lane), workplace / "run", resume=False)
    words = ("LaneFollow", "--out", "run", "--resume")
    complains(command, workplace, ("pretrain", *words), "run is a run of `train`, not of `pretrain`")
    complains(command, workplace, ("train", "Lift", *words[1:]), "run is a run of LaneFollow, not of Lift")
    complains(
        command, workplace, ("pretrain", short_lane, "--teacher", "run"), "run has no trained teacher yet: run `sim"
    )
    config = workplace / "run" / "config.json"
    config.write_text(config.read_text().replace('"format_version": 1', '"format_version": 2'))
    complains(command, workplace, ("train", *words), "config.json has format version 2; this program reads version 1")
    config.write_bytes(config.read_bytes()[:99])
    complains(command, workplace, ("train", *words), "config.json is damaged: not complete JSON")


def checkpoint(folder: Path) -> None:
    settings = PretrainConfig("LaneFollow", width=4)
    save_policy(folder, Policy(policy_config(make_task("LaneFollow").spec, settings)), {}, "# A policy")


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def set_version(path: Path) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 7}))


def set_task(path: Path) -> None:
    path.write_text(path.read_text().replace('"task": "LaneFollow"', '"task": "Lift"'))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: set_version(f / "config.json"), "config.json has format version 7; this program reads version 1"),
        (lambda f: truncate(f / "model.safetensors"), r"model.safetensors is damaged: \d+ bytes"),
        (lambda f: truncate(f / "config.json"), "config.json is damaged: not complete JSON"),
        (lambda f: (f / "config.json").unlink(), "policy is not a checkpoint: it has no config.json"),
        (lambda f: (f / "model.safetensors").unlink(), "not a complete checkpoint: it has no model.safetensors"),
        (lambda f: set_task(f / "config.json"), "no task 'Lift'; valid: LaneFollow"),
    ],
)
def test_a_checkpoint_that_cannot_be_read(
    command: Callable[..., Any], workplace: Path, short_lane: str, damage: Any, message: str
):
    checkpoint(workplace / "policy")
    damage(workplace / "policy")
    complains(command, workplace, ("evaluate", "policy"), message)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--episodes", "0"), "episodes must be at least 1, not 0"),
        (("--seconds", "0"), "seconds must be positive, not 0"),
        (("--seed", "-1"), "seed must be at least 0, not -1"),
        (("--video", "film.gif"), r"the name must end in \.mp4, \.mkv or \.mov"),
        (("--randomization", "wild"), "no randomization 'wild'; presets: none, default, wide"),
        (("--out", "policy"), "policy exists: .* choose another --out"),
    ],
)
def test_an_evaluation_that_cannot_be(
    command: Callable[..., Any], workplace: Path, short_lane: str, words: tuple, message: str
):
    checkpoint(workplace / "policy")
    complains(command, workplace, ("evaluate", "policy", *words), message)


def test_an_unfinished_run_has_no_policy_to_evaluate(command: Callable[..., Any], workplace: Path, short_lane: str):
    run, _ = start_run("pretrain", PretrainConfig(short_lane), workplace / "run", resume=False)
    run.tensorboard.mkdir()
    complains(command, workplace, ("evaluate", "run"), "run has no policy: .* did not finish")


def test_evaluate_prints_the_rate_with_its_interval_and_films(
    command: Callable[..., Any], workplace: Path, short_lane: str
):
    checkpoint(workplace / "policy")
    words = ("--episodes", "3", "--video", "film.mp4", "--seconds", "0.2", "--out", "run")
    done = command("evaluate", "policy", "--on", "sim", *words)
    assert done.code == 0 and done.err == ""
    assert "LaneFollow: policy on unseen simulated worlds (default)" in done.out and "95 % interval" in done.out
    rate = json.loads((workplace / "run" / "metrics.json").read_text())["success"]
    assert f"{100 * rate['low']:.1f} … {100 * rate['high']:.1f} %" in done.out and rate["count"] == 3
    assert json.loads((workplace / "run" / "config.json").read_text())["config"]["checkpoint"] == "policy"
    assert (workplace / "film.mp4").stat().st_size > 1000 and "video: film.mp4" in done.out


def test_look_draws_a_randomization_of_ones_own(command: Callable[..., Any], workplace: Path, short_lane: str):
    (workplace / "red.toml").write_text(
        '[[vary]]\nfield = "mat_rgba"\nnames = "road"\ncomponents = [0]\noperation = "set"\n'
        'distribution = "uniform"\nrange = [0.9, 1.0]\n'
    )
    done = command("look", short_lane, "--randomization", "red.toml", "--out", "look [1].png")
    assert done.code == 0 and done.out == "contact sheet: look [1].png\n"
    assert (workplace / "look [1].png").stat().st_size > 10_000


def test_debugging_shows_where_an_error_came_from(
    command: Callable[..., Any], short_lane: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("SIM2REAL_DEBUG", "1")
    with pytest.raises(ValueError, match="no task 'Foo'"):
        command("train", "Foo")


@pytest.mark.slow
@pytest.mark.parametrize(("words", "message"), [BAD[0], BAD[3], BAD[24]])
def test_the_installed_command_does_the_same(workplace: Path, words: tuple, message: str):
    program = Path(sys.executable).with_name("sim2real")
    done = subprocess.run([program, *words], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ") and not list(workplace.iterdir())
