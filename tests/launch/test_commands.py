"""What every command keeps to: help with an example; for bad input one line, exit code 2, and nothing left behind."""

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

from launch import main
from launch.main import VERBS as COMMANDS
from sim2real.runs import start_run
from sim2real.training.teacher_config import TrainConfig
from sim2real.transfer.fitting.plans import read_plans

torch.set_num_threads(1)
Complains = Callable[[tuple, str], None]
VERBS = pytest.mark.parametrize("verb", sorted(COMMANDS))


def options_of(text: str) -> dict[str, str]:
    """Return the description of every option and argument in a help text, by how it is written there."""
    options: dict[str, str] = {}
    name = ""
    for line in text.replace("│", " ").splitlines():
        if re.match(r"  (--?[a-z]|\[?[A-Z]{2})", line):
            name, *rest = re.split(r" {2,}", line.strip(), maxsplit=1)
            options[name] = "".join(rest)
        elif line.startswith(6 * " ") and line.strip():
            options[name] = f"{options[name]} {line.strip()}".strip()
    return options


@VERBS
def test_help_has_an_example_and_says_what_every_option_is(command: Callable[..., Any], verb: str):
    done = command(verb, "--help")
    assert done.code == 0 and done.err == ""
    assert f"Example: sim2real {verb}" in done.out
    options = options_of(done.out)
    assert "-h, --help" in options and any("(default: " in text for text in options.values())
    assert not [name for name, text in options.items() if not text or text.startswith(("(default", "(required"))]


def test_the_help_of_adapt_describes_every_plan(command: Callable[..., Any]):
    text = " ".join(command("adapt", "--help").out.split())
    for plan in read_plans().values():
        assert f"{plan.name}: {plan.about}" in text


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


def test_a_fault_of_the_program_shows_where_and_asks_for_a_report(command: Callable[..., Any], monkeypatch):
    def broken() -> None:
        raise ValueError("operands could not be broadcast together")  # as NumPy says it

    monkeypatch.setattr("launch.main._load", lambda verb: broken)
    done = command("look")
    assert done.code == 70
    assert "Traceback" in done.err and "broadcast" in done.err and "please report it" in done.err


def test_the_summaries_are_those_of_the_commands():
    for verb, summary in main.VERBS.items():
        parts = [f"{verb} camera", f"{verb} board"] if verb == "calibrate" else [verb]
        docs = [main._load(each).__doc__ or "" for each in parts]
        assert all(docs)
        first = docs[0].split("\n\n")[0].replace("\n", " ")
        assert first and summary.split()[0] == first.split()[0], verb


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
    complains: Complains, workplace: Path, short_lane: str, verb: str, kind: str
):
    text, message = TOML[kind]
    (workplace / f"{kind}.toml").write_text(text)
    complains((verb, short_lane, "--randomization", f"{kind}.toml"), message)


BAD = [
    (("train", "Foo"), "no task 'Foo'; valid: LaneFollow"),
    (("pretrain", "LaneFolow"), "no task 'LaneFolow'; did you mean LaneFollow"),
    (("look", "lanefollow2"), "no task 'lanefollow2'"),
    (("train", "LaneFollow", "--worlds", "0"), "worlds must be at least 1, not 0"),
    (("pretrain", "LaneFollow", "--worlds", "0"), "worlds must be at least 1, not 0"),
    (("train", "LaneFollow", "--steps", "-1"), "steps must be at least 1, or 0 for the task.s own number, not -1"),
    (("train", "LaneFollow", "--algorithm", "pop"), "no algorithm 'pop'; valid: ppo, sac"),
    (("train", "LaneFollow", "--learning-rate", "-1"), "learning_rate must be positive, not -1.0"),
    (("train", "LaneFollow", "--evaluate", "-1"), "evaluate must be at least 0 episodes, not -1"),
    (("train", "LaneFollow", "--seed", "-1"), "seed must be between 0 and"),
    (("train", "LaneFollow", "--randomization", "wild"), "no randomization 'wild'; presets: none, default, wide"),
    (("train", "LaneFollow", "--randomization", "no.toml"), "no.toml: No such file or directory"),
    (("pretrain", "LaneFollow", "--image-size", "0", "0"), "image size 0x0: .* multiples of 4, and at least 16"),
    (("pretrain", "LaneFollow", "--image-size", "50", "50"), "image size 50x50: .* multiples of 4"),
    (("pretrain", "LaneFollow", "--frames", "-5"), "frames must be at least 0, not -5"),
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
    (("ladder", "a", "b", "--frames", "abc"), "--frames must be numbers with commas between, 50,100,300, not 'abc'"),
    (("demo", "--frames", "0"), "frames must be at least 1, not 0"),
    (("demo", "--steps", "-1"), "steps must be at least 1, not -1"),
    (("demo", "--episodes", "-1"), "episodes must be at least 1, not -1"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "message"), BAD, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_bad_input_is_one_line(complains: Complains, short_lane: str, words: tuple, message: str):
    complains(words, message)


@pytest.mark.skipif(wp.is_cuda_available(), reason="there is a CUDA device here")
def test_a_gpu_that_is_not_there(complains: Complains, short_lane: str):
    complains(("pretrain", short_lane, "--device", "cuda"), "no device 'cuda' on this machine; available: cpu")


@pytest.mark.parametrize("verb", ["train", "pretrain"])
def test_a_folder_in_use(complains: Complains, workplace: Path, short_lane: str, verb: str):
    (workplace / "thesis").mkdir()
    (workplace / "thesis" / "thesis.tex").write_text("years of work")
    message = "thesis exists: add --resume to resume it, or choose another --out"
    complains((verb, short_lane, "--out", "thesis"), message)
    message = "nothing to resume: thesis has no config.json"
    complains((verb, short_lane, "--out", "thesis", "--resume"), message)


def test_a_run_of_another_command_or_task_or_version(complains: Complains, workplace: Path, short_lane: str):
    start_run("train", TrainConfig(short_lane), workplace / "run", resume=False)
    words = ("LaneFollow", "--out", "run", "--resume")
    complains(("pretrain", *words), "run is a run of `train`, not of `pretrain`")
    complains(("train", "Lift", *words[1:]), "run is a run of LaneFollow, not of Lift")
    complains(
        ("pretrain", short_lane, "--teacher", "run"),
        "run has no trained teacher, its training is not finished: resume it",
    )
    config = workplace / "run" / "config.json"
    config.write_text(config.read_text().replace('"format_version": 1', '"format_version": 2'))
    complains(("train", *words), "config.json has format version 2; this program reads version 1")
    config.write_bytes(config.read_bytes()[:99])
    complains(("train", *words), "config.json is damaged: not complete JSON")


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
def test_the_installed_command_does_the_same(workplace: Path):
    words, message = ("import", "nowhere", "set"), "no such folder: nowhere"  # which is told without heavy libraries
    program = Path(sys.executable).with_name("sim2real")
    done = subprocess.run([program, *words], capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert re.match(f"error: .*{message}", done.stderr) and not list(workplace.iterdir())
