# pyright: reportAttributeAccessIssue=false
"""Distillation in worlds whose picture shows the answer: it is learned, errors come out, a resumed run goes on."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from policies import EncoderConfig, HeadsConfig, Policy, PolicyConfig, Preprocessing
from sim2real.seeds import HELD_OUT
from sim2real.training.distillation import Distiller
from sim2real.training.pretrain_config import DistillationConfig
from sim2real.training.state import load_state, save_state

torch.set_num_threads(1)
HEIGHT, WIDTH = 16, 32


class Bar:
    """A bright bar stands where one should go; the action moves it, chance moves it too.

    Attributes:
        actions: what every step was given.
        fail_at: the step that raises, if any.
    """

    def __init__(self, worlds: int = 16, unlabelled: bool = False, fail_at: int | None = None) -> None:
        self.num_envs, self.unlabelled, self.fail_at = worlds, unlabelled, fail_at
        self.actions: list[np.ndarray] = []
        self.seeds: list[int | None] = []

    def reset(self, *, seed: int | None = None) -> tuple[dict, dict]:
        self.seeds.append(seed)
        self.random = np.random.default_rng(seed)
        self.place = self.random.uniform(-1, 1, self.num_envs)
        return self.observe(), {}

    def step(self, actions: np.ndarray) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray, dict]:
        self.actions.append(actions.copy())
        if len(self.actions) == self.fail_at:
            raise ArithmeticError("the physics diverged")
        self.place = np.clip(self.place - 0.3 * actions[:, 0] + self.random.normal(0, 0.4, self.num_envs), -1, 1)
        nothing = np.zeros(self.num_envs, bool)
        return self.observe(), np.zeros(self.num_envs), nothing, nothing, {}

    def observe(self) -> dict[str, np.ndarray]:
        columns = np.linspace(-1, 1, WIDTH)
        bar = 200 * np.exp(-(((columns - self.place[:, None]) / 0.15) ** 2))
        noise = self.random.uniform(0, 40, (self.num_envs, HEIGHT, WIDTH, 3))
        image = (bar[:, None, :, None] + noise).astype(np.uint8)
        place = self.place[:, None].astype(np.float32)
        return {"images.front": image, "state": np.zeros((self.num_envs, 1), np.float32), "privileged": place}

    def labels(self) -> dict[str, np.ndarray]:
        place = self.place.astype(np.float32)
        if self.unlabelled:
            place[::2] = np.nan
        return {"place": place}

    def maps(self, camera: str) -> dict[str, np.ndarray]:
        assert camera == "front"
        right = np.linspace(-1, 1, 8) > self.place[:, None]
        depth = np.full((self.num_envs, 4, 8), np.nan if self.unlabelled else 1.0)
        return {"right": np.repeat(right[:, None], 4, 1), "depth": depth}


def teacher(privileged: np.ndarray) -> np.ndarray:
    """Go where the bar is, with the second action away from it."""
    return np.concatenate([privileged, -0.5 * privileged], 1)


def always_the_same(privileged: np.ndarray) -> np.ndarray:
    return np.full((len(privileged), 2), 0.25)


def student() -> Policy:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        heads = HeadsConfig({"place": 1}, {"right": (4, 8)}, {"depth": (4, 8)}, reduced=8, hidden=32)
        see = Preprocessing(raw_size=(WIDTH, HEIGHT), crop=(0, 0, WIDTH, HEIGHT), size=(WIDTH, HEIGHT))
        return Policy(PolicyConfig(EncoderConfig(size=(HEIGHT, WIDTH), width=4), heads, see))


def config(**changes: Any) -> DistillationConfig:
    return DistillationConfig(**{"frames": 2000, "batch_size": 64, "ema": 0.98, "jolt": 0.0, **changes})


def keep(into: list) -> Callable[[int, Mapping[str, float]], bool]:
    def on_update(update: int, losses: Mapping[str, float]) -> bool:
        into.append((update, dict(losses)))
        return True

    return on_update


def collectors() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "collector"]


@pytest.mark.slow
def test_the_student_learns_to_see_what_the_teacher_knows():
    distiller, losses = Distiller(student(), teacher, Bar(), config(frames=5000)), []
    distiller.run(keep(losses))
    worlds = Bar(200)
    seen, _ = worlds.reset(seed=1)
    error = np.abs(distiller.average.act(seen) - teacher(seen["privileged"]))
    assert error.mean() < 0.05 and np.quantile(error, 0.95) < 0.12
    with torch.inference_mode():
        predicted = distiller.average(torch.from_numpy(seen["images.front"]))
    assert np.abs(predicted["place"][:, 0].numpy() - worlds.place).mean() < 0.15
    assert ((predicted["right"].numpy() > 0) == worlds.maps("front")["right"]).mean() > 0.95
    assert losses[-1][1]["action"] < 0.1 * losses[0][1]["action"]
    assert not distiller.average.training and not collectors()


def test_every_frame_is_used_about_as_often_as_asked_for():
    env, settings = Bar(), config(reuse=2.0)
    distiller, losses = Distiller(student(), teacher, env, settings), []
    distiller.run(keep(losses))
    assert [update for update, _ in losses] == list(range(1, settings.updates + 1)) and settings.updates == 62
    # A buffer's worth is rendered ahead, so that the first batches are not all of the same few frames.
    assert settings.frames <= 16 * len(env.actions) <= 2 * settings.frames + 3 * 16


def test_the_students_share_of_the_worlds_grows_and_it_keeps_its_worlds():
    env = Bar(worlds=20)
    Distiller(student(), always_the_same, env, config(share=0.8)).run(lambda *_: True)
    by_student = np.array([(actions != 0.25).any(1) for actions in env.actions])
    share = by_student.mean(1)
    assert not by_student[0].any()
    assert (np.diff(share) >= 0).all()
    assert (by_student == (np.arange(20) < 20 * share[:, None])).all()  # the same worlds, and ever more of them
    half = int(np.ceil(1000 / 20))
    assert share[half // 2] == pytest.approx(0.4, abs=0.05) and (share[half:] == 0.8).all()


def test_a_share_of_nothing_leaves_the_driving_to_the_jolted_teacher():
    env = Bar()
    Distiller(student(), always_the_same, env, config(share=0.0, jolt=0.1)).run(lambda *_: True)
    noise = np.array(env.actions) - 0.25
    assert noise.std() == pytest.approx(0.1, rel=0.25) and abs(noise.mean()) < 0.02
    now, next_ = noise[:-1].ravel(), noise[1:].ravel()
    assert np.corrcoef(now, next_)[0, 1] > 0.7  # it lasts, as a gust does


def test_what_breaks_in_the_worlds_is_raised_where_it_is_learned():
    env = Bar(fail_at=40)
    with pytest.raises(ArithmeticError, match="the physics diverged"):
        Distiller(student(), teacher, env, config(frames=50_000)).run(lambda *_: True)

    def broken(privileged: np.ndarray) -> np.ndarray:
        raise ValueError("no such teacher")

    with pytest.raises(ValueError, match="no such teacher"):
        Distiller(student(), broken, Bar(), config()).run(lambda *_: True)
    assert not collectors()


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_what_breaks_in_learning_ends_the_collector(error: type[BaseException]):
    def on_update(update: int, losses: Mapping[str, float]) -> bool:
        if update == 5:
            raise error
        return True

    distiller = Distiller(student(), teacher, Bar(), config())
    with pytest.raises(error):
        distiller.run(on_update)
    assert distiller.update == 5 and not collectors()


@pytest.mark.slow
def test_a_resumed_run_goes_on_at_its_update(tmp_path: Path):
    settings, first, second = config(), [], []
    begun = Distiller(student(), teacher, Bar(), settings)
    begun.run(lambda update, losses: keep(first)(update, losses) and update < 25)
    assert begun.update == 25
    save_state(tmp_path / "state", begun.state_dict())
    env = Bar()
    resumed = Distiller(student(), teacher, env, settings)
    resumed.load_state_dict(load_state(tmp_path / "state"))
    for mine, saved in ((resumed.policy, begun.policy), (resumed.average, begun.average)):
        assert all(torch.equal(value, saved.state_dict()[name]) for name, value in mine.state_dict().items())
    steps = {int(state["step"]) for state in resumed.optimizer.state_dict()["state"].values()}
    assert steps == {25}
    resumed.run(keep(second))
    assert [update for update, _ in second] == list(range(26, settings.updates + 1))
    assert second[0][1]["learning_rate"] < first[-1][1]["learning_rate"]  # the schedule goes on, too
    assert second[-1][1]["learning_rate"] < 0.01 * settings.learning_rate
    # So do the student's share of the worlds, and the seeds: no episode is seen a second time.
    first_seen, _ = Bar().reset(seed=env.seeds[0])
    by_student = (env.actions[0] != teacher(first_seen["privileged"])).any(1)
    assert by_student.mean() == pytest.approx(settings.share * 2 * 25 * 32 / 2000, abs=0.07)
    assert env.seeds != begun._env.seeds


@pytest.mark.parametrize("seed", [125_306, 270_561])  # whose first draws would be test seeds
def test_the_worlds_of_a_student_have_no_seed_that_is_held_out_for_tests(seed: int):
    env = Bar()
    Distiller(student(), teacher, env, config(seed=seed, frames=200)).run(lambda update, losses: False)
    assert isinstance(env.seeds[0], int) and not any(env.seeds[0] + i in HELD_OUT for i in range(env.num_envs))


def test_a_finished_run_has_nothing_left_to_do():
    distiller, updates = Distiller(student(), teacher, Bar(), config(frames=200)), []
    distiller.run(keep(updates))
    before = {name: value.clone() for name, value in distiller.policy.state_dict().items()}
    distiller.run(keep(updates))
    assert len(updates) == distiller.config.updates
    assert all(torch.equal(value, before[name]) for name, value in distiller.policy.state_dict().items())


@pytest.mark.parametrize("bf16", [False, True])
def test_missing_labels_leave_no_nan(bf16: bool):
    distiller, losses = Distiller(student(), teacher, Bar(unlabelled=True), config(bf16=bf16)), []
    distiller.run(keep(losses))
    for name, value in {**distiller.policy.state_dict(), **distiller.average.state_dict()}.items():
        assert torch.isfinite(value).all(), name
    assert all(np.isfinite(each["loss"]) and np.isfinite(each["action"]) for _, each in losses)
    assert all(np.isnan(each["depth"]) for _, each in losses)  # no label at all is told as such


@pytest.mark.parametrize("changes", [{"frames": 10}, {"buffer": 5}, {"frames": 1, "batch_size": 1}])
def test_more_worlds_than_frames_is_no_trouble(changes: dict[str, int]):
    distiller = Distiller(student(), teacher, Bar(worlds=64), config(**changes))
    distiller.run(lambda *_: True)
    assert distiller.update == distiller.config.updates


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frames": -1}, "frames must be at least 0, not -1"),
        ({"reuse": float("inf")}, "reuse must be positive, not inf"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive, not nan"),
        ({"jolt": -0.1}, "jolt must be at least 0, not -0.1"),
        ({"share": 1.5}, "share must be in 0…1 and ema below 1, not 1.5"),
        ({"ema": 1.0}, "ema below 1"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        config(**changes)
