"""`sim2real evaluate`: rates with intervals, films, and one line for a checkpoint that cannot be read."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import warp as wp

from envs import make_task
from policies import Policy, save_policy
from sim2real.pretraining import PretrainConfig, policy_config
from sim2real.runs import start_run

torch.set_num_threads(1)
Complains = Callable[[tuple, str], None]


@pytest.fixture(autouse=True)
def policy(workplace: Path, short_lane: str) -> Path:
    """A checkpoint of a policy that never learned anything, in `policy`."""
    config = policy_config(make_task(short_lane).spec, PretrainConfig(short_lane, width=4))
    save_policy(workplace / "policy", Policy(config), {}, "# A policy")
    return workplace / "policy"


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
def test_a_checkpoint_that_cannot_be_read(complains: Complains, policy: Path, damage: Any, message: str):
    damage(policy)
    complains(("evaluate", "policy"), message)


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
def test_an_evaluation_that_cannot_be(complains: Complains, words: tuple, message: str):
    complains(("evaluate", "policy", *words), message)


@pytest.mark.skipif(wp.is_cuda_available(), reason="there is a CUDA device here")
def test_a_gpu_that_is_not_there(complains: Complains):
    complains(("evaluate", "policy", "--device", "cuda"), "no device 'cuda' on this machine; available: cpu")


def test_an_unfinished_run_has_no_policy_to_evaluate(complains: Complains, workplace: Path, short_lane: str):
    run, _ = start_run("pretrain", PretrainConfig(short_lane), workplace / "run", resume=False)
    run.tensorboard.mkdir()
    complains(("evaluate", "run"), "run has no policy: .* did not finish")


def test_evaluate_prints_the_rate_with_its_interval_and_films(command: Callable[..., Any], workplace: Path):
    words = ("--episodes", "3", "--video", "film.mp4", "--seconds", "0.2", "--out", "run")
    done = command("evaluate", "policy", "--on", "sim", *words)
    assert done.code == 0 and done.err == ""
    assert "LaneFollow: policy on unseen simulated worlds (default)" in done.out and "95 % interval" in done.out
    rate = json.loads((workplace / "run" / "metrics.json").read_text())["success"]
    assert f"{100 * rate['low']:.1f} … {100 * rate['high']:.1f} %" in done.out and rate["count"] == 3
    assert json.loads((workplace / "run" / "config.json").read_text())["config"]["checkpoint"] == "policy"
    assert (workplace / "film.mp4").stat().st_size > 1000 and "video: film.mp4" in done.out
