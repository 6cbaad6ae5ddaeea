# pyright: reportArgumentType=false
"""Pretraining end to end at the smallest size: a policy on disk that acts, by either method, resumed after a stop."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lanes
from envs import BatchEnv, Randomization, Vary, make_task
from policies import Policy
from sim2real.checkpoints import load_policy, read_config
from sim2real.progress import NOTHING, Progress
from sim2real.runs import Run, start_run
from sim2real.statistics.rates import Rate
from sim2real.training.pretrain_config import DistillationConfig, PretrainConfig
from sim2real.training.pretraining import _initial_policy, complete_pretraining, labeller, pretrain_policy
from sim2real.training.teacher import train_teacher
from sim2real.training.teacher_config import TeacherConfig, TrainConfig

torch.set_num_threads(1)
RATES = {"success", "without_failure", "mean_return", "mean_steps", "first_seed"}


def quiet(stage: str) -> Progress:
    return lambda *_: None


def tiny(task: str, **changes: Any) -> PretrainConfig:
    teacher = TeacherConfig(steps=200, hidden=(8,))
    distillation = DistillationConfig(
        **{"frames": 200, "batch_size": 32, "reuse": 4, **changes.pop("distillation", {})}
    )
    sizes = {"worlds": 8, "width": 4, "evaluate": 3, "checkpoint_every": 5}
    return PretrainConfig(task, distillation=distillation, teacher_config=teacher, **{**sizes, **changes})


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Folder of a run whose teacher learned next to nothing."""
    config = TrainConfig("LaneFollow", TeacherConfig(steps=200, hidden=(8,)), worlds=8, evaluate=0)
    run, config = start_run("train", config, tmp_path_factory.mktemp("teacher") / "run", resume=False)
    with pytest.MonkeyPatch.context() as patch:
        lanes.shorten(patch)
        train_teacher(run, config, quiet("train"))
    return str(run.folder)


def start(folder: Path, config: PretrainConfig, resume: bool = False) -> Run:
    return start_run("pretrain", config, folder, resume)[0]


def assert_acts(policy: Policy, task: str) -> None:
    env = BatchEnv(make_task(task, "test"), 3, image_size=policy.config.preprocessing.size)
    observation, _ = env.reset(seed=0)
    action = policy.act(observation)
    assert action.shape == (3, 2) and np.isfinite(action).all() and np.abs(action).max() <= 1
    assert len(np.unique(action[:, 0])) == 3  # it looks
    env.step(action)
    env.close()


@pytest.mark.slow
def test_dagger_end_to_end_with_a_teacher_of_its_own(short_lane: str, tmp_path: Path):
    config, stages = tiny(short_lane), []

    def report(stage: str) -> Progress:
        return lambda done, total, *_: stages.append((stage, done, total))

    run = start(tmp_path / "run", config)
    metrics = pretrain_policy(run, config, report)
    assert set(metrics) == RATES | {"updates", "frames"} and run.metrics["finished"] is True
    assert metrics["updates"] == 25 and metrics["success"]["count"] == 3
    assert list(dict.fromkeys(stage for stage, *_ in stages)) == ["train teacher", "pretrain", "evaluate"]
    assert ("pretrain", 25, 25) in stages
    assert {path.name for path in run.folder.iterdir()} == {
        *("config.json", "metrics.json", "checkpoints", "tensorboard", "teacher", "policy")
    }
    assert sorted(p.name for p in run.checkpoints.iterdir()) == [f"step_000000{n}" for n in (15, 20, 25)]
    policy = load_policy(run.folder / "policy")
    assert policy.config.task == short_lane and policy.config.action_names == ("steering", "throttle")
    assert policy.config.heads.outputs == ("action", "offset", "heading", "curvature", "mask", "depth")
    assert_acts(policy, short_lane)
    recipe = read_config(run.folder / "policy")["recipe"]
    assert recipe["method"] == "dagger" and recipe["task"] == short_lane and recipe["distillation"]["frames"] == 200
    card, rate = (run.folder / "policy" / "README.md").read_text(), metrics["success"]
    assert (
        card.startswith("# LaneFollow, pretrained in simulation")
        and "do not show how it works with a real camera" in card
    )
    assert f"{100 * rate['value']:.1f} % [{100 * rate['low']:.1f}, {100 * rate['high']:.1f}] of 3 episodes" in card
    assert rate == Rate.of(round(3 * rate["value"]), 3).to_dict()


@pytest.mark.slow
def test_the_encoder_may_be_a_resnet_on_larger_images(teacher: str, short_lane: str, tmp_path: Path):
    config = tiny(short_lane, teacher=teacher, encoder="resnet18", image_size=(96, 64), distillation={"frames": 50})
    run = start(tmp_path / "run", config)
    pretrain_policy(run, config, quiet)
    policy = load_policy(run.folder / "policy")
    assert policy.config.encoder.kind == "resnet18" and policy.config.encoder.size == (64, 96)
    assert not (run.folder / "teacher").exists()
    assert_acts(policy, short_lane)
    start(tmp_path / "run", config, resume=True)  # its settings are read back, the image's size among them


@pytest.mark.slow
def test_ppo_from_pixels_trains_the_policy_that_is_saved(short_lane: str, tmp_path: Path):
    config = tiny(short_lane, method="ppo")
    run = start(tmp_path / "run", config)
    metrics = pretrain_policy(run, config, quiet)
    assert set(metrics) == RATES | {"steps"} and metrics["steps"] == 200
    policy = load_policy(run.folder / "policy")
    assert policy.config.heads.outputs == ("action", "offset", "heading", "curvature")
    assert_acts(policy, short_lane)
    # What PPO moved is encoder, trunk and action head of that very policy.
    before = _initial_policy(make_task(short_lane).spec, config).state_dict()
    moved = {name for name, value in policy.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.split(".")[1] for name in moved if name.startswith("heads")} == {"trunk", "action"}
    assert {name.split(".")[2] for name in moved if name.startswith("encoder")} == set(policy.encoder.stage_names)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dagger", "ppo"])
def test_interrupted_and_resumed_it_goes_on_from_where_it_was(
    short_lane: str, tmp_path: Path, request: pytest.FixtureRequest, method: str
):
    dagger = method == "dagger"
    config = tiny(short_lane, method=method, teacher=request.getfixturevalue("teacher") if dagger else None)

    def interrupting(stage: str) -> Progress:
        def report(done: float, total: float, metrics: Mapping[str, float] = NOTHING, /) -> None:
            if stage.startswith("pretrain") and done >= 20:
                raise KeyboardInterrupt

        return report

    with pytest.raises(KeyboardInterrupt):
        pretrain_policy(start(tmp_path / "run", config), config, interrupting)
    run = start(tmp_path / "run", config, resume=True)
    assert not run.finished and len(list(run.checkpoints.iterdir())) >= 1
    said: list[tuple[str, int]] = []

    def report(stage: str) -> Callable[[int, int, dict[str, float]], None]:
        return lambda done, total, *_: said.append((stage, done))

    metrics = pretrain_policy(run, config, report)
    trained = [done for stage, done in said if stage.startswith("pretrain")]
    assert trained == ([25] if dagger else []) and run.finished and metrics["success"]["count"] == 3
    assert_acts(load_policy(run.folder / "policy"), short_lane)


def test_the_same_seed_starts_from_the_same_weights_and_leaves_the_global_generator_alone(short_lane: str):
    spec, config = make_task(short_lane).spec, tiny(short_lane)
    torch.manual_seed(5)
    first = _initial_policy(spec, config)
    drawn = torch.rand(1)
    second = _initial_policy(spec, config)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "bc"}, "no method 'bc'; valid: dagger, ppo"),
        ({"threads": 0}, "threads must be at least 1, not 0"),
        ({"evaluate": -2}, "evaluate must be at least 0 episodes, not -2"),
        ({"encoder": "vit"}, "unknown encoder kind 'vit'; valid: conv, resnet18"),
        ({"device": "cuda:9"}, "no device 'cuda:9' on this machine; available: cpu"),
        ({"teacher": "nowhere"}, r"nowhere is not a run: it has no config\.json"),
        ({"method": "ppo", "teacher": "nowhere"}, "takes neither a teacher nor another algorithm"),
        ({"camera": "nowhere.json"}, "cannot read a camera from nowhere.json"),
        ({"randomization": "wild"}, "no randomization 'wild'; presets: none, default, wide"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_written(
    short_lane: str, changes: dict[str, Any], message: str
):
    with pytest.raises(ValueError, match=message):
        complete_pretraining(tiny(short_lane, **changes))


def test_labels_depend_on_what_frames_show_only():
    names, random = make_task("LaneFollow", "train").spec.privileged_names, np.random.default_rng(0)
    weights = random.normal(size=(len(names), 2))
    label = labeller(lambda states: states @ weights, "LaneFollow", "default")
    privileged = random.normal(size=(5, len(names)))
    before = privileged.copy()
    labels = label(privileged)
    assert np.array_equal(privileged, before)  # the driving teacher is still told everything
    for column, name in enumerate(names):
        changed = privileged.copy()
        changed[:, column] += 1
        assert np.allclose(label(changed), labels) == (
            name in ("speed", "steer_max", "steer_trim", "slack", "top_speed")
        )


def test_labels_are_for_the_car_of_the_run():
    names, measured = make_task("LaneFollow", "train").spec.privileged_names, 0.05
    car = Randomization((Vary("task.steer_trim", "uniform", (measured, measured), "set"),), "measured")
    column = names.index("steer_trim")
    told = labeller(lambda states: states[:, [column]], "LaneFollow", car)(np.zeros((3, len(names))))
    assert np.allclose(told, 10 * measured)


@pytest.mark.parametrize("task", ["LaneFollow", "Reach", "Push", "Lift"])
def test_what_no_frame_shows_is_part_of_the_privileged_state(task: str):
    spec = make_task(task, "train").spec
    assert set(spec.unseen) <= set(spec.privileged_names)
