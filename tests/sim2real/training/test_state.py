# pyright: reportArgumentType=false
"""The state of a training run: exact, and the newest whole step is found."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from policies import EncoderConfig, Policy, PolicyConfig
from sim2real.errors import CheckpointError
from sim2real.training.state import latest, load_state, save_state, save_step

torch.set_num_threads(1)


class Run:
    """A small training run whose every random number comes from its own generators."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.policy = Policy(PolicyConfig(EncoderConfig(width=8)))
        self.average = AveragedModel(self.policy, multi_avg_fn=get_ema_multi_avg_fn(0.9))
        self.optimizer = torch.optim.AdamW(self.policy.parameters(), lr=1e-3)
        self.schedule = torch.optim.lr_scheduler.CosineAnnealingLR(self.optimizer, 10)
        self.torch_random = torch.Generator().manual_seed(1)
        self.numpy_random = np.random.default_rng(2)

    def train(self, steps: int) -> None:
        for _ in range(steps):
            images = torch.randint(0, 256, (4, 48, 80, 3), dtype=torch.uint8, generator=self.torch_random)
            target = torch.from_numpy(self.numpy_random.uniform(-1, 1, (4, 2)).astype(np.float32))
            self.optimizer.zero_grad()
            (self.policy(images)["action"] - target).square().mean().backward()
            self.optimizer.step()
            self.schedule.step()
            self.average.update_parameters(self.policy)

    def state(self) -> dict[str, Any]:
        return {
            "policy": self.policy.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
            "torch_random": self.torch_random.get_state(),
            "numpy_random": self.numpy_random.bit_generator.state,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.policy.load_state_dict(state["policy"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.schedule.load_state_dict(state["schedule"])
        self.torch_random.set_state(state["torch_random"])
        self.numpy_random.bit_generator.state = state["numpy_random"]


def test_five_steps_saved_loaded_and_five_more_equal_ten(tmp_path: Path) -> None:
    uninterrupted, first, second = Run(), Run(), Run()
    uninterrupted.train(10)
    first.train(5)
    save_state(tmp_path / "state", first.state())
    second.train(2)  # so that something is there to be overwritten
    second.restore(load_state(tmp_path / "state"))
    second.train(5)
    for mine, reference in ((second.policy, uninterrupted.policy), (second.average, uninterrupted.average)):
        for key, value in reference.state_dict().items():
            assert torch.equal(mine.state_dict()[key], value), key


def test_every_kind_of_value_comes_back_as_it_was(tmp_path: Path) -> None:
    shared = torch.arange(6).reshape(2, 3)
    state = {
        "plain": [1, 2.5, "x", None, True, 2**80, float("inf")],
        "tuple": (1, (2, "y"), [3]),
        "keys": {0: "a", 7: {"b": 1}, "$tensor": 2},
        "tensors": {"half": torch.ones(2, dtype=torch.bfloat16), "view": shared.T, "same": shared, "a.b": shared[0]},
        "a": {"b": torch.tensor(3)},
        "array": np.arange(3, dtype=np.uint64),
        "number": np.float32(0.5),
        "empty": [{}, [], (), torch.zeros(0, 3)],
    }
    save_state(tmp_path / "state", state)
    loaded = load_state(tmp_path / "state")
    assert loaded["plain"] == state["plain"] and loaded["tuple"] == state["tuple"] and loaded["keys"] == state["keys"]
    for key, value in state["tensors"].items():
        assert loaded["tensors"][key].dtype == value.dtype and torch.equal(loaded["tensors"][key], value)
    assert loaded["a"]["b"] == 3 and loaded["number"] == 0.5
    assert isinstance(loaded["array"], np.ndarray) and loaded["array"].dtype == np.uint64
    np.testing.assert_array_equal(loaded["array"], [0, 1, 2])
    assert loaded["empty"][:3] == [{}, [], ()] and loaded["empty"][3].shape == (0, 3)


def test_a_value_that_cannot_be_saved_is_named(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"state\.a\.0: a set cannot be saved"):
        save_state(tmp_path / "state", {"a": [{1, 2}]})
    with pytest.raises(TypeError, match=r"state\.words: an array of <U1"):
        save_state(tmp_path / "state", {"words": np.array(["a"])})
    assert not list(tmp_path.iterdir())


def test_the_last_three_steps_are_kept_and_a_rewound_run_drops_later_ones(tmp_path: Path) -> None:
    assert latest(tmp_path) is None and latest(tmp_path / "nowhere") is None
    for step in (500, 1000, 1500, 2000):
        assert save_step(tmp_path, step, {"step": step}) == tmp_path / f"step_{step:08d}"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_00001000", "step_00001500", "step_00002000"]
    assert latest(tmp_path) == tmp_path / "step_00002000"
    save_step(tmp_path, 1200, {"step": 1200})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_00001000", "step_00001200"]


@pytest.mark.parametrize("name", ["state.safetensors", "state.json"])
def test_a_truncated_step_is_named_and_the_one_before_is_found(tmp_path: Path, name: str) -> None:
    for step in (1, 2):
        save_step(tmp_path, step, {"w": torch.full((100,), float(step))})
    damaged = tmp_path / "step_00000002" / name
    damaged.write_bytes(damaged.read_bytes()[:-40])
    with pytest.warns(UserWarning, match=rf"step_00000002/{name} is damaged.*trying the previous checkpoint"):
        newest = latest(tmp_path)
    assert newest == tmp_path / "step_00000001"
    assert (load_state(newest)["w"] == 1).all()
    (tmp_path / "step_00000001" / name).unlink()
    with pytest.warns(UserWarning), pytest.raises(CheckpointError, match=r"every checkpoint in .* is damaged"):
        latest(tmp_path)


def test_folders_of_other_things_are_no_steps(tmp_path: Path) -> None:
    (tmp_path / "step_last").mkdir()
    (tmp_path / ".step_00000009.new-1").mkdir()
    assert latest(tmp_path) is None
