# pyright: reportAttributeAccessIssue=false
"""Training a teacher on privileged state: many worlds, SB3, checkpoints, evaluation, automatic randomization."""

import warnings
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import EvalCallback

from envs import BatchEnv, make_task, pinned
from sim2real.errors import InputError
from sim2real.evaluation.simulation import TEST_SEED, evaluate_in_simulation
from sim2real.progress import Progress, Stages
from sim2real.runs import Run, load_config, start_run
from sim2real.seeds import VALIDATION, check_learning_seed
from sim2real.training.sb3_env import SB3Env
from sim2real.training.sb3_teacher import RolloutCallback, Teacher, make_teacher
from sim2real.training.teacher_checkpoints import FINAL, restore_finished, restore_teacher, save_teacher, write_teacher
from sim2real.training.teacher_config import TrainConfig
from sim2real.worlds import load_randomization

INSIDE = "teacher"  # folder of the teacher's run inside a `pretrain` run
ADR_STEP, ADR_GROW, ADR_SHRINK = 0.05, 0.9, 0.6


def complete_training(config: TrainConfig) -> TrainConfig:
    """Fill in open settings from the task; raises InputError for invalid settings."""
    check_learning_seed(config.teacher.seed, config.worlds)
    env = privileged_env(config, "train", 1)
    env.close()
    return replace(config, task=pinned(config.task), teacher=config.teacher.filled(env.env.task_spec.training))


def privileged_env(config: TrainConfig, split: str, worlds: int, every_reset: int | None = None) -> SB3Env:
    """Make worlds of a split for SB3 that observe only privileged state; `every_reset` as in SB3Env."""
    randomization = load_randomization(config.task, config.randomization)
    env = BatchEnv(make_task(config.task, split), worlds, randomization=randomization, observations=("privileged",))
    return SB3Env(env, "privileged", every_reset)


def train_teacher(run: Run, config: TrainConfig, report: Progress) -> dict[str, Any]:
    """Train a teacher in a run's folder, or resume it; writes `teacher.zip` and `metrics.json`.

    Args:
        report: called after every rollout with (steps done, total steps, metrics).

    Returns:
        The metrics.

    Raises:
        InputError: an unknown task, algorithm or preset.
        KeyboardInterrupt: after saving, when interrupted.
    """
    config = complete_training(config)
    env = privileged_env(config, "train", config.worlds)
    model = make_teacher(config.teacher, env, run.tensorboard)
    width = 0.1 if config.adr else 1.0
    if run.resumed and run.checkpoints.is_dir() and any(run.checkpoints.glob("step_*.zip")):
        width = restore_teacher(model, run.checkpoints)["width"]
    env.env.randomizer.width = width
    saved = model.num_timesteps

    def on_rollout(steps: int, metrics: dict[str, float]) -> bool:
        nonlocal saved
        randomizer = env.env.randomizer
        if config.adr and metrics["episodes"] >= 100:
            grow = (metrics["success"] > ADR_GROW) - (metrics["success"] < ADR_SHRINK)
            randomizer.width = min(max(randomizer.width + ADR_STEP * grow, 0.1), 1.0)
            if model.ep_success_buffer is not None:
                model.ep_success_buffer.clear()
        if config.adr:
            model.logger.record("rollout/adr_width", randomizer.width)
            metrics = {**metrics, "adr_width": randomizer.width}
        if steps - saved >= config.checkpoint_every:
            save_teacher(run.checkpoints, model, {"width": randomizer.width})
            saved = steps
        report(min(steps, config.teacher.steps), config.teacher.steps, metrics)
        return True

    eval_env = privileged_env(config, "validation", 32, VALIDATION.start)
    watch = _watch(run, config, eval_env, model.num_timesteps)
    try:
        left = config.teacher.steps - model.num_timesteps
        if left > 0:
            model.learn(
                left, callback=[RolloutCallback(on_rollout), watch], reset_num_timesteps=False, tb_log_name="teacher"
            )
    except KeyboardInterrupt:
        save_teacher(run.checkpoints, model, {"width": env.env.randomizer.width})
        raise
    finally:
        eval_env.close()
        env.close()
    state = {"width": env.env.randomizer.width}
    save_teacher(run.checkpoints, model, state)
    write_teacher(run.folder / FINAL, model, state)
    metrics = {"steps": model.num_timesteps, **_judge(model, config)}
    if config.adr:
        metrics["adr_width"] = state["width"]
    run.write_metrics({"finished": True, **metrics})
    return metrics


def _watch(run: Run, config: TrainConfig, env: SB3Env, step: int) -> EvalCallback:
    """Make SB3's evaluation callback, which selects the best model on fixed validation episodes.

    A resumed run keeps the evaluations up to its step, with the best model.
    """
    watch = EvalCallback(
        env,
        n_eval_episodes=32,
        eval_freq=max(config.teacher.steps // config.worlds // 4, 32),
        log_path=str(run.folder),
        best_model_save_path=str(run.folder),
        verbose=0,
        warn=False,
    )
    path = run.folder / "evaluations.npz"
    if run.resumed and path.is_file():
        try:
            with np.load(path) as archive:
                kept = {name: archive[name][archive["timesteps"] <= step] for name in archive.files}
        except (zipfile.BadZipFile, ValueError, KeyError, EOFError, OSError):
            warnings.warn(f"{path} is damaged: evaluations start again", stacklevel=2)
            return watch
        watch.evaluations_timesteps = kept["timesteps"].tolist()
        watch.evaluations_results, watch.evaluations_length = kept["results"].tolist(), kept["ep_lengths"].tolist()
        watch.evaluations_successes = kept["successes"].tolist()
        watch.best_mean_reward = float(kept["results"].mean(1).max(initial=-np.inf))
    return watch


def _judge(model: BaseAlgorithm, config: TrainConfig) -> dict[str, Any]:
    if not config.evaluate:
        return {}
    teacher = Teacher(model)
    episodes = evaluate_in_simulation(
        lambda observation: teacher(observation["privileged"]),
        config.task,
        config.evaluate,
        observations=("privileged",),
        randomization=load_randomization(config.task, config.randomization),
        first_seed=TEST_SEED,
    )
    return episodes.summary()


def train_teacher_inside(folder: Path, config: TrainConfig, report: Stages) -> Path:
    """Train a teacher in a folder inside another run, unless it is finished; returns its folder."""
    inside = folder / INSIDE
    run, config = start_run("train", config, inside, resume=(inside / "config.json").is_file())
    if not run.finished:
        train_teacher(run, config, report("train teacher"))
    return inside


def teacher_folder(path: Path) -> Path:
    """Return the folder of a teacher's run: the run itself, or the one inside a `pretrain` run."""
    return path / INSIDE if (path / INSIDE).is_dir() else path


def load_teacher(path: Path, task: str) -> Teacher:
    """Load the teacher of a run (see `teacher_folder`).

    Raises:
        InputError: the folder is not a run with a teacher for this task, the training is not finished, or its last
            checkpoint is damaged.
    """
    path = teacher_folder(path)
    config = load_config(path, "train", TrainConfig)
    wanted = pinned(task)
    if config.task not in (task, wanted, *make_task(task).spec.teachers):
        raise InputError(f"{path} has a teacher for {config.task}, not for {wanted}")
    run = Run(path, True)
    if not run.finished:
        raise InputError(
            f"{path} has no trained teacher, its training is not finished: resume it with"
            f" `sim2real train {task} --out {path} --resume`"
        )
    env = privileged_env(config, "train", 1)
    model = make_teacher(config.teacher, env)
    env.close()
    restore_finished(model, path, int(run.metrics["steps"]))
    return Teacher(model)
