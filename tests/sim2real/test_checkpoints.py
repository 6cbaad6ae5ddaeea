# pyright: reportArgumentType=false, reportCallIssue=false
"""Checkpoints of policies: exact, whole or not there, and clear about what is wrong with them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from policies import EncoderConfig, HeadsConfig, Policy, PolicyConfig, Preprocessing
from policies.encoder import ENCODER_KINDS
from sim2real.checkpoints import load_policy, read_config, save_policy
from sim2real.errors import CheckpointError, InputError

torch.set_num_threads(1)
frames = np.random.default_rng(0).integers(0, 256, (3, 48, 80, 3), dtype=np.uint8)
RECIPE = {"method": "distillation", "steps": 100, "learning_rate": 1e-3}


def make(kind: str = "conv", seed: int = 0) -> Policy:
    torch.manual_seed(seed)
    heads = HeadsConfig(scalars={"lane": 3}, masks={"road": (12, 20)}, maps={"depth": (6, 10)})
    preprocessing = Preprocessing(normalization="per-channel")
    return Policy(PolicyConfig(EncoderConfig(kind, width=8), heads, preprocessing, ("steering",), "LaneFollow")).eval()


@pytest.mark.parametrize("kind", ENCODER_KINDS)
def test_what_is_loaded_is_what_was_saved_bit_for_bit(tmp_path: Path, kind: str) -> None:
    policy = make(kind)
    policy.heads.action.fold(torch.tensor([0.7]), torch.tensor([0.1]))
    save_policy(tmp_path / "new" / "policy", policy, RECIPE, "# A policy")
    loaded = load_policy(tmp_path / "new" / "policy")
    assert loaded.config == policy.config and not loaded.training
    for key, value in policy.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key
    np.testing.assert_array_equal(loaded.act({"images.front": frames}), policy.act({"images.front": frames}))
    assert read_config(tmp_path / "new" / "policy")["recipe"] == RECIPE
    assert (tmp_path / "new" / "policy" / "README.md").read_text() == "# A policy"


def test_a_run_stands_for_its_policy(tmp_path: Path) -> None:
    save_policy(tmp_path / "run" / "policy", make(), RECIPE, "# A policy")
    loaded, inside = load_policy(tmp_path / "run"), load_policy(tmp_path / "run" / "policy")
    np.testing.assert_array_equal(loaded.act({"images.front": frames}), inside.act({"images.front": frames}))
    (tmp_path / "begun" / "tensorboard").mkdir(parents=True)
    with pytest.raises(InputError, match="begun has no policy: `sim2real pretrain` did not finish"):
        load_policy(tmp_path / "begun")


def test_saving_again_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    save_policy(tmp_path / "policy", make(seed=0), RECIPE, "old")
    (tmp_path / ".policy.new-1").mkdir()  # what a killed writer leaves
    save_policy(tmp_path / "policy", make(seed=1), RECIPE, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
    np.testing.assert_array_equal(
        load_policy(tmp_path / "policy").act({"images.front": frames}), make(seed=1).act({"images.front": frames})
    )


def test_a_failed_save_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_policy(tmp_path / "policy", make(), RECIPE, "old")
    with pytest.raises(ValueError, match=r"config.json cannot be written as JSON"):
        save_policy(tmp_path / "policy", make(seed=1), {"when": object()}, "new")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_policy(tmp_path / "policy", make(seed=1), RECIPE, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
    assert (tmp_path / "policy" / "README.md").read_text() == "old"
    assert load_policy(tmp_path / "policy").config == make().config


def test_killed_between_the_two_renames_the_old_one_is_read_and_then_replaced(tmp_path: Path) -> None:
    save_policy(tmp_path / "policy", make(), RECIPE, "old")
    (tmp_path / "policy").rename(tmp_path / ".policy.old")
    assert load_policy(tmp_path / "policy").config == make().config
    save_policy(tmp_path / "policy", make(), RECIPE, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]


SAVE_AND_DIE = """
import os, signal, sys
sys.path[:0] = sys.argv[2:]
from stopped import watch
import torch
torch.set_num_threads(1)
from policies import EncoderConfig, Policy, PolicyConfig
from sim2real.checkpoints import load_policy, read_config, save_policy

policy, folder = Policy(PolicyConfig(EncoderConfig(width=8))), sys.argv[1]
save_policy(folder, policy, {"i": 0}, "card")
for moment in range(1, 100):
    process = os.fork()
    if not process:
        watch("*policy*", moment, signal.SIGKILL)
        save_policy(folder, policy, {"i": moment}, "card")
        os._exit(0)
    if os.waitpid(process, 0)[1] == 0:
        break
    load_policy(folder)
    print(moment, read_config(folder)["recipe"]["i"])
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a process cannot be copied here")
def test_killed_at_any_moment_a_whole_checkpoint_is_there(tmp_path: Path) -> None:
    """Before each of the files and folders that a save opens or renames, one after the other."""
    words = [sys.executable, "-c", SAVE_AND_DIE, str(tmp_path / "policy"), *filter(None, sys.path)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    moments = [tuple(map(int, line.split())) for line in done.stdout.splitlines()]
    assert len(moments) >= 3 and all(saved <= moment for moment, saved in moments)
    assert read_config(tmp_path / "policy")["recipe"]["i"] == len(moments) + 1  # nobody killed the last one


def test_something_else_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(CheckpointError, match=r"is not a checkpoint \(it has no config.json\): choose another folder"):
        save_policy(tmp_path, make(), RECIPE, "card")
    with pytest.raises(CheckpointError, match="choose another folder"):
        save_policy(tmp_path / "thesis.tex", make(), RECIPE, "card")
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def edit(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda f: f.rename(f.parent / "gone"), "no checkpoint folder .*policy"),
        (lambda f: (f / "config.json").unlink(), "is not a checkpoint: it has no config.json"),
        (lambda f: (f / "model.safetensors").unlink(), "not a complete checkpoint: it has no model.safetensors"),
        (lambda f: truncate(f / "model.safetensors"), r"model.safetensors is damaged: \d+ bytes, with another sha256"),
        (lambda f: truncate(f / "config.json"), "config.json is damaged: not complete JSON"),
        (lambda f: (f / "config.json").write_text("{}"), "config.json does not belong to a checkpoint"),
        (lambda f: edit(f / "config.json", format_version=7), "has format version 7; this program reads version 1"),
        (lambda f: edit(f / "config.json", weights=None), "does not name a tensor file"),
        (
            lambda f: edit(f / "config.json", policy=None),
            "None is not of type PolicyConfig, which has",
        ),
        (
            lambda f: edit(f / "config.json", policy={"taks": "x"}),
            "PolicyConfig has no field taks, only encoder",
        ),
        (lambda f: edit(f / "config.json", policy={"task": "x"}), "does not fit the policy that config.json describes"),
    ],
)
def test_what_is_wrong_with_a_checkpoint_is_said_in_one_line(tmp_path: Path, damage, message: str) -> None:
    save_policy(tmp_path / "policy", make(), RECIPE, "card")
    damage(tmp_path / "policy")
    with pytest.raises(CheckpointError, match=message) as caught:
        load_policy(tmp_path / "policy")
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    save_policy(tmp_path / "policy", make(), RECIPE, "card")
    plain = json.loads((tmp_path / "policy" / "config.json").read_text())["policy"]
    plain["encoder"]["width"] = 16
    edit(tmp_path / "policy" / "config.json", policy=plain)
    with pytest.raises(CheckpointError, match="does not fit the policy"):
        load_policy(tmp_path / "policy")


def test_the_moving_average_of_a_policy_is_a_policy(tmp_path: Path) -> None:
    policy = make()
    average = AveragedModel(policy, multi_avg_fn=get_ema_multi_avg_fn(0.9))
    average.update_parameters(policy)
    first = policy.heads.action.mlp[0].weight.detach().clone()
    with torch.no_grad():
        policy.heads.action.mlp[0].weight.add_(1.0)
    policy.heads.action.fold(torch.tensor([0.5]), torch.tensor([0.0]))
    average.update_parameters(policy)
    save_policy(tmp_path / "average", average.module, RECIPE, "card")
    loaded = load_policy(tmp_path / "average")
    torch.testing.assert_close(loaded.heads.action.mlp[0].weight.detach(), first + 0.1)
    assert loaded.heads.action.gain.tolist() == [0.5]
