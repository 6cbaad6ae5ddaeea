"""`sim2real demo`: the main job at a small size."""

from pathlib import Path

from launch.console import print_rates, reporting, resumable, say, typed_command
from policies import load_policy
from policies.distillation import DistillationConfig
from policies.teacher import TeacherConfig
from sim2real.film import contact_sheet, film
from sim2real.pretraining import PretrainConfig, pretrain
from sim2real.runs import Run, start_run
from sim2real.training import TrainConfig, train_teacher

TASK = "LaneFollow"


def demo(out: Path = Path("demo"), frames: int = 60_000, steps: int = 500_000, episodes: int = 40) -> None:
    """Train a teacher, pretrain a vision policy from it, drive it in unseen worlds and film it, in minutes.

    A demo that was interrupted goes on where it stopped; remove its folder to begin anew.

    Example: sim2real demo --out demo

    Args:
        out: folder for everything.
        frames: rendered for the vision policy.
        steps: of the teacher.
        episodes: driven at the end.
    """
    teacher_config = TrainConfig(TASK, TeacherConfig(steps=steps), evaluate=episodes)
    distillation = DistillationConfig(frames=frames)
    policy_config = PretrainConfig(
        TASK, teacher=str(out / "teacher"), distillation=distillation, evaluate=episodes, checkpoint_every=200
    )
    with resumable(typed_command()), reporting() as stage:
        run, teacher_config = _start("train", teacher_config, out / "teacher")
        teacher = run.metrics if run.finished else train_teacher(run, teacher_config, stage("1/3 train teacher"))
        run, policy_config = _start("pretrain", policy_config, out / "policy")
        vision = run.metrics if run.finished else pretrain(run, policy_config, lambda name: stage(f"2/3 {name}"))
    print_rates("teacher, privileged state, unseen worlds", teacher)
    print_rates("vision policy, camera alone, unseen worlds", vision)
    with resumable(typed_command()), reporting() as stage:
        report = stage("3/3 film")
        policy = load_policy(run.folder / "policy")
        film(policy, out / "drive.mp4", progress=lambda done, total: report(done, total, {}))
        contact_sheet(TASK, out / "frames.png")
    say(f"video: {out / 'drive.mp4'}\ncontact sheet: {out / 'frames.png'}\npolicy: {out / 'policy' / 'policy'}")


def _start(command: str, config: object, folder: Path) -> tuple[Run, object]:
    started = (folder / "config.json").is_file()
    if started:
        say(f"going on with {folder} and its settings")
    return start_run(command, config, folder, resume=started)
