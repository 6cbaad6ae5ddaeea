# pyright: reportArgumentType=false, reportCallIssue=false
"""Training a teacher: a run folder as SB3 users know it, resumed where it was, that learns to drive."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import PPO, SAC
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import lanes
from envs import BatchEnv, LaneFollow, Task, registry
from envs.lane_follow.task import TEST, TRAIN
from sim2real.errors import InputError
from sim2real.runs import Run, start_run
from sim2real.seeds import HELD_OUT, VALIDATION
from sim2real.training import teacher as training
from sim2real.training.teacher import complete_training, load_teacher, train_teacher
from sim2real.training.teacher_config import TeacherConfig, TrainConfig

torch.set_num_threads(1)


def quiet(done: int, total: int, metrics: dict[str, float]) -> None: ...


def tiny(task: str, **changes: Any) -> TrainConfig:
    teacher = TeacherConfig(**{"steps": 3000, "hidden": (16,), **changes.pop("teacher", {})})
    return TrainConfig(task, teacher, **{"worlds": 16, "evaluate": 3, "checkpoint_every": 1000, **changes})


def start(folder: Path, config: TrainConfig, resume: bool = False) -> Run:
    return start_run("train", config, folder, resume)[0]


def curves(run: Run) -> dict[str, list[int]]:
    """Steps at which each curve in the run's TensorBoard events has a point."""
    points: dict[str, list[int]] = {}
    for folder in sorted({path.parent for path in run.tensorboard.rglob("events.*")}):
        events = EventAccumulator(str(folder)).Reload()
        for name in events.Tags()["scalars"]:
            points.setdefault(name, []).extend(event.step for event in events.Scalars(name))
    return points


@pytest.mark.slow
def test_a_run_ends_with_all_that_sb3_users_look_for(short_lane: str, tmp_path: Path):
    run, config = start(tmp_path / "run", tiny(short_lane)), tiny(short_lane)
    said: list[tuple[int, int]] = []
    metrics = train_teacher(run, config, lambda done, total, _: said.append((done, total)))
    assert said[0] == (512, 3000) and said[-1] == (3000, 3000)  # 32 steps of 16 worlds at a time
    assert metrics["steps"] == 3072 and metrics["success"]["count"] == 3
    assert set(metrics) == {"steps", "success", "without_failure", "mean_return", "mean_steps", "first_seed"}
    assert run.finished and run.metrics == {"format_version": 1, "finished": True, **metrics}
    names = {path.name for path in run.folder.iterdir()}
    expected = {"config.json", "metrics.json", "teacher.zip", "best_model.zip", "evaluations.npz"}
    assert names == expected | {"checkpoints", "tensorboard"}
    checkpoints = sorted(path.name for path in run.checkpoints.iterdir())
    assert checkpoints == ["step_000001024.zip", "step_000002048.zip", "step_000003072.zip"]
    assert {"rollout/ep_rew_mean", "rollout/success_rate", "eval/mean_reward", "train/value_loss"} <= set(curves(run))
    assert len(np.load(run.folder / "evaluations.npz")["timesteps"]) == 4
    observation = np.random.default_rng(0).normal(size=(4, 16)).astype(np.float32)
    final = load_teacher(run.folder, short_lane)(observation)
    for name in ("teacher.zip", "checkpoints/step_000003072.zip"):
        theirs, _ = PPO.load(run.folder / name, device="cpu").predict(observation, deterministic=True)
        np.testing.assert_allclose(theirs, final, atol=1e-6)
    newest = run.checkpoints / "step_000003072.zip"
    content = newest.read_bytes()
    newest.write_bytes(content[:-100])
    np.testing.assert_array_equal(load_teacher(run.folder, short_lane)(observation), final)
    (run.folder / "teacher.zip").unlink()
    message = r"run has no intact teacher of its 3072 steps, only a checkpoint after 2048: resume its training with"
    with pytest.warns(UserWarning, match="step_000003072.zip is damaged"), pytest.raises(InputError, match=message):
        load_teacher(run.folder, short_lane)
    newest.write_bytes(content)
    np.testing.assert_array_equal(load_teacher(run.folder, short_lane)(observation), final)


@pytest.mark.slow
def test_interrupted_and_resumed_it_goes_on_from_where_it_was(short_lane: str, tmp_path: Path):
    config, said = tiny(short_lane, checkpoint_every=10_000), []

    def interrupt(done: int, total: int, metrics: dict[str, float]) -> None:
        if done >= 1024:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_teacher(start(tmp_path / "run", config), config, interrupt)
    run = start(tmp_path / "run", config, resume=True)
    assert not run.finished and [p.name for p in run.checkpoints.iterdir()] == ["step_000001024.zip"]
    with pytest.raises(ValueError, match=r"run has no trained teacher, its training is not finished: resume it with"):
        load_teacher(run.folder, short_lane)
    metrics = train_teacher(run, config, lambda done, *_: said.append(done))
    assert said == [1536, 2048, 2560, 3000] and metrics["steps"] == 3072
    steps = curves(run)["rollout/ep_rew_mean"]
    assert steps == sorted(steps) and steps[-1] == 3072  # one curve, without a jump back
    evaluated = np.load(run.folder / "evaluations.npz")["timesteps"]
    assert evaluated.tolist() == [736, 1024 + 736, 1024 + 2 * 736]  # those before the interruption are kept
    again = train_teacher(start(tmp_path / "run", config, resume=True), config, quiet)
    assert again == metrics  # a finished run is judged anew and not trained


@pytest.mark.slow
@pytest.mark.parametrize(("grow", "shrink", "wider"), [(-1.0, -2.0, True), (3.0, 2.0, False)])
def test_the_randomization_widens_while_the_policy_succeeds(
    short_lane: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, grow: float, shrink: float, wider: bool
):
    monkeypatch.setattr(training, "ADR_GROW", grow)  # the share of successes is between 0 and 1
    monkeypatch.setattr(training, "ADR_SHRINK", shrink)
    # Episodes of a second: the width may change after each hundred of them.
    episode = replace(lanes.short_lane("train").config, episode_seconds=1.0)
    monkeypatch.setitem(registry._FACTORIES, short_lane, lambda split: LaneFollow(episode))
    config = tiny(short_lane, adr=True, worlds=64, evaluate=0, teacher={"steps": 8000 if wider else 4000})
    widths: list[float] = []
    run = start(tmp_path / "run", config)
    metrics = train_teacher(run, config, lambda done, total, figures: widths.append(figures["adr_width"]))
    assert widths[0] == 0.1
    if wider:
        assert metrics["adr_width"] >= 0.2 and widths == sorted(widths)
        growth = np.diff(widths)
        assert set(growth.round(6)) == {0.0, training.ADR_STEP}  # by steps, each on a hundred new episodes
        widths.clear()
        longer = tiny(short_lane, adr=True, worlds=64, evaluate=0, teacher={"steps": 10_000})
        train_teacher(Run(run.folder, True), longer, lambda done, total, figures: widths.append(figures["adr_width"]))
        assert widths[0] >= metrics["adr_width"]  # a resumed run keeps the width
    else:
        assert set(widths) == {0.1}
    assert "rollout/adr_width" in curves(run)


@pytest.mark.slow
def test_damaged_evaluations_are_said_and_cost_nothing_else(short_lane: str, tmp_path: Path):
    config = tiny(short_lane, evaluate=0)
    run = start(tmp_path / "run", config)
    train_teacher(run, config, quiet)
    path = run.folder / "evaluations.npz"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.warns(UserWarning, match=r"evaluations\.npz is damaged: evaluations start again"):
        assert train_teacher(start(tmp_path / "run", config, resume=True), config, quiet) == {"steps": 3072}


@pytest.mark.slow
def test_sac_trains_and_resumes(short_lane: str, tmp_path: Path):
    config = tiny(short_lane, teacher={"algorithm": "sac", "steps": 500}, checkpoint_every=200)
    run = start(tmp_path / "run", config)
    metrics = train_teacher(run, config, quiet)
    assert metrics["steps"] == 512 and "success" in metrics
    assert SAC.load(run.folder / "teacher.zip", device="cpu").num_timesteps == 512
    (run.checkpoints / "step_000000512.zip").unlink()
    said: list[int] = []
    train_teacher(start(tmp_path / "run", config, resume=True), config, lambda done, *_: said.append(done))
    assert said[0] > 400 and said[-1] == 500


def test_the_best_model_is_selected_on_validation_episodes_that_are_the_same_every_time(
    short_lane: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    build, reset = registry._FACTORIES[short_lane], BatchEnv.reset
    splits: list[str] = []
    seeds: dict[int, list] = {}

    def factory(split: str) -> Task:
        splits.append(split)
        return build(split)

    def watched(self: BatchEnv, *, seed: Any = None, options: Any = None) -> Any:
        seeds.setdefault(self.num_envs, []).append(seed)
        return reset(self, seed=seed, options=options)

    monkeypatch.setitem(registry._FACTORIES, short_lane, factory)
    monkeypatch.setattr(BatchEnv, "reset", watched)
    config = tiny(short_lane, evaluate=0)
    run = start(tmp_path / "run", config)
    train_teacher(run, config, quiet)
    assert set(splits) == {"train", "validation"} and (run.folder / "best_model.zip").is_file()
    assert seeds[16] == [0]  # those that learn: the teacher's seed, once
    assert len(seeds[32]) == 4 and len(set(seeds[32])) == 1 and seeds[32][0] in VALIDATION
    assert VALIDATION.start >= HELD_OUT.start and VALIDATION.stop <= HELD_OUT.stop


def test_a_teacher_is_loaded_for_its_own_task_alone(short_lane: str, tmp_path: Path):
    config = tiny(short_lane)
    run = start(tmp_path / "run", config)
    with pytest.raises(
        ValueError, match=r"no trained teacher.*: resume it with `sim2real train LaneFollow --out .*run --resume`"
    ):
        load_teacher(run.folder, short_lane)
    with pytest.raises(ValueError, match="has a teacher for LaneFollow, not for Lift"):
        load_teacher(run.folder, "Lift")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"worlds": 0}, "worlds must be at least 1, not 0"),
        ({"checkpoint_every": 0}, "checkpoint_every must be at least 1, not 0"),
        ({"evaluate": -1}, "evaluate must be at least 0 episodes, not -1"),
        ({"randomization": "wild"}, "no randomization 'wild'; presets: none, default, wide"),
        ({"task": "LineFollow"}, "no task 'LineFollow'; did you mean LaneFollow"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_anything_is_written(
    short_lane: str, changes: dict[str, Any], message: str
):
    with pytest.raises(ValueError, match=message):
        complete_training(TrainConfig(**{"task": short_lane, **changes}))


@pytest.mark.slow
def test_ppo_learns_to_drive_lane_follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """On few layouts, for 10 s at a time: a third of the steps that all layouts take."""

    def factory(split: str) -> LaneFollow:
        config = TRAIN if split == "train" else replace(TEST, episode_seconds=10.0)
        return LaneFollow(replace(config, layouts=20))

    monkeypatch.setitem(registry._FACTORIES, "LaneFollow", factory)
    config = TrainConfig("LaneFollow", TeacherConfig(steps=160_000), evaluate=50)
    metrics = train_teacher(start(tmp_path / "run", config), config, quiet)
    assert metrics["success"]["value"] >= 0.8
