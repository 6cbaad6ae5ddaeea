# pyright: reportArgumentType=false
"""Pretraining a vision policy in simulation: DAgger from a teacher, or PPO from pixels."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from envs import BatchEnv, Randomization, make_task, pinned
from envs.renderer import available_device
from envs.task import TaskSpec
from policies.encoder import EncoderConfig
from policies.heads import HeadsConfig
from policies.policy import Policy, PolicyConfig
from policies.preprocessing import Preprocessing
from sim2real.checkpoints import save_policy
from sim2real.errors import InputError
from sim2real.evaluation.simulation import evaluate_in_simulation
from sim2real.progress import Progress, Stages
from sim2real.runs import Run
from sim2real.seeds import check_learning_seed
from sim2real.training.distillation import Distiller
from sim2real.training.pixel_ppo import train_from_pixels
from sim2real.training.pretrain_config import PretrainConfig
from sim2real.training.state import latest, load_state, save_step
from sim2real.training.teacher import complete_training, load_teacher, train_teacher_inside
from sim2real.training.teacher_config import TrainConfig
from sim2real.worlds import load_randomization, own_cameras

USUAL_WORLDS = 512  # of which the mean is what is usual


def complete_pretraining(config: PretrainConfig) -> PretrainConfig:
    """Fill in open settings from the task; raises InputError for invalid settings."""
    available_device(config.device)
    spec = make_task(config.task).spec
    own_cameras(spec, config.camera)
    complete_training(TrainConfig(config.task, config.teacher_config, randomization=config.randomization))
    if config.method == "ppo":
        check_learning_seed(config.teacher_config.seed, config.worlds)
    policy_config(spec, config)
    if config.teacher is not None and config.method == "dagger":
        load_teacher(Path(config.teacher), config.task)
    teacher, distillation = (c.filled(spec.training) for c in (config.teacher_config, config.distillation))
    return dataclasses.replace(config, task=pinned(config.task), teacher_config=teacher, distillation=distillation)


def policy_config(spec: TaskSpec, config: PretrainConfig) -> PolicyConfig:
    """Return the config of a policy for a task, with the task's first camera and its view."""
    camera, view = next(iter(spec.cameras.items()))
    width, height = config.image_size or view.size
    if height % 4 or width % 4 or min(height, width) < 16:
        raise InputError(f"image size {width}x{height}: width and height must be multiples of 4, and at least 16")
    cells = (height // 4, width // 4)
    return PolicyConfig(
        encoder=EncoderConfig(config.encoder, (height, width), config.width, config.depth),
        heads=HeadsConfig(
            scalars=dict.fromkeys(spec.label_names, 1),
            masks={"mask": cells} if config.method == "dagger" else {},
            maps={"depth": cells} if config.method == "dagger" else {},
            # PPO from pixels uses images only, as the head that it shares with SB3 has no state.
            state=len(spec.state_names) if spec.policy_state and config.method == "dagger" else 0,
        ),
        preprocessing=Preprocessing(camera, (view.camera.width, view.camera.height), view.crop, (width, height)),
        action_names=spec.action_names,
        task=spec.name,
    )


def make_worlds(config: PretrainConfig, observations: tuple[str, ...], maps: tuple[int, int] | None = None) -> BatchEnv:
    """Make the worlds for pretraining."""
    task = make_task(config.task, "train")
    return BatchEnv(
        task,
        config.worlds,
        cameras=own_cameras(task.spec, config.camera),
        randomization=load_randomization(config.task, config.randomization),
        observations=observations,
        image_size=config.image_size,
        threads=config.threads,
        device=config.device,
        maps=maps,
    )


def pretrain_policy(run: Run, config: PretrainConfig, report: Stages) -> dict[str, Any]:
    """Pretrain a policy in a run's folder, or resume it; writes `policy/` and `metrics.json`.

    Args:
        report: progress: "train teacher" if none is given, "pretrain", "evaluate".

    Returns:
        The metrics.

    Raises:
        InputError: an unknown task, preset, device or teacher.
        KeyboardInterrupt: after saving, when interrupted.
    """
    config = complete_pretraining(config)
    spec = make_task(config.task, "train").spec
    policy = _initial_policy(spec, config)
    if config.method == "ppo":
        env = make_worlds(config, (policy.config.preprocessing.key,))
        try:
            policy = train_from_pixels(run, env, policy, config.teacher_config, report("pretrain from pixels"))
        finally:
            env.close()
        recipe = {"method": "ppo", "ppo": dataclasses.asdict(config.teacher_config)}
        trained = {"steps": config.teacher_config.steps}
    else:
        teacher = load_teacher(_trained_teacher(run, config, report), config.task)
        camera = policy.config.preprocessing.key
        env = make_worlds(config, ("state", camera, "privileged"), policy.config.heads.masks["mask"])
        try:
            labels = labeller(teacher, config.task, load_randomization(config.task, config.randomization))
            distiller = Distiller(policy, teacher, env, config.distillation, labels)
            policy = _distill(run, config, distiller, report("pretrain"))
        finally:
            env.close()
        recipe = {"method": "dagger", "distillation": dataclasses.asdict(config.distillation)}
        trained = {"updates": config.distillation.updates, "frames": config.distillation.frames}
    recipe |= {"task": config.task, "randomization": config.randomization, "run": dataclasses.asdict(config)}
    recipe["cameras"] = {name: camera.to_dict() for name, camera in own_cameras(spec, config.camera).items()}
    metrics = trained | _judge(policy, config, report("evaluate"))
    save_policy(run.folder / "policy", policy, recipe, _card(config, policy, metrics))
    run.write_metrics({"finished": True, **metrics})
    return metrics


def _initial_policy(spec: TaskSpec, config: PretrainConfig) -> Policy:
    torch.set_num_threads(1)  # the other core renders
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.distillation.seed)
        return Policy(policy_config(spec, config)).to(config.device)


def labeller(
    teacher: Callable[[np.ndarray], np.ndarray], task: str, randomization: Randomization | str
) -> Callable[[np.ndarray], np.ndarray]:
    """Return the teacher, told what is usual in these worlds in place of what no frame shows (`TaskSpec.unseen`)."""
    unseen = make_task(task, "train").spec.unseen
    if not unseen:
        return teacher
    env = BatchEnv(make_task(task, "train"), USUAL_WORLDS, randomization=randomization, observations=("privileged",))
    try:
        means = env.reset(seed=0)[0]["privileged"].mean(0)
        columns = [env.task_spec.privileged_names.index(name) for name in unseen]
    finally:
        env.close()
    values = [means[k] if value is None else value for k, value in zip(columns, unseen.values(), strict=True)]

    def label(privileged: np.ndarray) -> np.ndarray:
        seen = privileged.copy()
        seen[:, columns] = values
        return teacher(seen)

    return label


def _trained_teacher(run: Run, config: PretrainConfig, report: Stages) -> Path:
    """Return the teacher's run: the given one, or one inside this run, which is trained first if necessary."""
    if config.teacher is not None:
        return Path(config.teacher)
    settings = TrainConfig(config.task, config.teacher_config, randomization=config.randomization, evaluate=0)
    return train_teacher_inside(run.folder, settings, report)


def _distill(run: Run, config: PretrainConfig, distiller: Distiller, report: Progress) -> Policy:
    from torch.utils.tensorboard import SummaryWriter

    newest = latest(run.checkpoints) if run.checkpoints.is_dir() else None
    if newest is not None:
        distiller.load_state_dict(load_state(newest))
    writer = SummaryWriter(str(run.tensorboard), purge_step=distiller.update)
    total = config.distillation.updates

    def on_update(update: int, losses: dict[str, float]) -> bool:
        if update % 20 == 0 or update == total:
            for name, value in losses.items():
                writer.add_scalar(f"pretrain/{name}", value, update)
            report(update, total, losses)
        if update % config.checkpoint_every == 0:
            save_step(run.checkpoints, update, distiller.state_dict())
        return True

    try:
        distiller.run(on_update)
    except KeyboardInterrupt:
        save_step(run.checkpoints, distiller.update, distiller.state_dict())
        raise
    finally:
        writer.close()
    save_step(run.checkpoints, distiller.update, distiller.state_dict())
    return distiller.average


def _judge(policy: Policy, config: PretrainConfig, report: Progress) -> dict[str, Any]:
    if not config.evaluate:
        return {}
    episodes = evaluate_in_simulation(
        policy.act,
        config.task,
        config.evaluate,
        observations=("state", policy.config.preprocessing.key),
        randomization=load_randomization(config.task, config.randomization),
        image_size=config.image_size,
        cameras=own_cameras(make_task(config.task).spec, config.camera),
        device=config.device,
        progress=report,
    )
    return episodes.summary()


def _card(config: PretrainConfig, policy: Policy, metrics: dict[str, Any]) -> str:
    parameters = sum(p.numel() for p in policy.parameters())
    lines = [
        f"# {config.task}, pretrained in simulation",
        "",
        f"A vision policy ({policy.config.encoder.kind} encoder, {parameters:,} parameters) for "
        f"{', '.join(policy.config.action_names)}; method `{config.method}`, randomization `{config.randomization}`.",
        "Trained on simulated frames only: these figures do not show how it works with a real camera.",
    ]
    if "success" in metrics:
        rate = metrics["success"]
        lines += [
            "",
            f"Success on the simulated test split: {100 * rate['value']:.1f} % "
            f"[{100 * rate['low']:.1f}, {100 * rate['high']:.1f}] of {rate['count']} episodes (95 % Wilson interval).",
        ]
    return "\n".join(lines) + "\n"
