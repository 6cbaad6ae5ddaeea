"""`sim2real record`: episodes of a robot that somebody moves become a dataset."""

from pathlib import Path
from typing import Literal

import tyro

from launch.console import reporting, say
from launch.record_sim import record_sim
from sim2real.errors import InputError
from sim2real.recordings.rehearsal import Recording, record


def command(
    dest: tyro.conf.Positional[Path],
    on: Literal["rehearsal", "sim"] = "rehearsal",
    task: str = Recording.task,
    teacher: Path | None = None,
    episodes: int = Recording.episodes,
    seconds: float = Recording.seconds,
    seed: int = Recording.seed,
    keep_failed: bool = False,
    checkpoint: Path | None = None,
    randomization: str = "none",
) -> None:
    """Record the rehearsal robot, a simulated stand-in for a real one, as a LeRobot v3.0 dataset.

    A simulated person moves it, with a person's faults: in LaneFollow a driver, in other tasks a trained teacher whose
    hand shakes and who looks now and then. The robot's lens, look, sensor and dynamics were withheld from pretraining,
    and it is recorded in other episodes than `sim2real evaluate --on rehearsal` has.

    With --on sim it is the plain simulation, and whoever acts has no faults; the dataset then holds all that it takes
    for `sim2real replay DATASET --on sim` to live through it again bit for bit.

    Example: sim2real record datasets/reach --on rehearsal --task Reach --teacher runs/reach --episodes 20

    Args:
        dest: the new dataset; it must not exist. An interrupted recording leaves nothing and can be repeated.
        on: what is recorded.
        task: what is done, a registered task.
        teacher: who does it: a `train` run, or a `pretrain` run that trained a teacher of its own.
        episodes: how many.
        seconds: length of each at most; a task's own end comes sooner where it is shorter.
        seed: of the first episode; the same one gives the same recording.
        keep_failed: keep episodes that ended in failure, too; otherwise they are recorded anew. A driver's are kept in
            any case, as he just goes on.
        checkpoint: with --on sim, a policy that acts in place of a teacher; random actions without both.
        randomization: with --on sim, a preset of the task, or a TOML file.
    """
    if on == "sim":
        if keep_failed or seconds != Recording.seconds:
            raise InputError("--seconds and --keep-failed are for --on rehearsal: in simulation the task ends episodes")
        record_sim(dest, task, episodes, seed, teacher, checkpoint, randomization)
        return
    if checkpoint is not None or randomization != "none":
        raise InputError("--checkpoint and --randomization are for --on sim: the rehearsal robot has a look of its own")
    recording = Recording(episodes, seconds, seed, task, True if keep_failed else None)
    operator = None
    if teacher is not None:
        from sim2real.training.teacher import load_teacher

        operator = load_teacher(teacher, task)
    with reporting() as stage:
        report = stage("record")
        found = record(dest, recording, report, teacher=operator)
    lengths = found.lengths
    say(f"{len(lengths)} episodes, {sum(lengths)} frames: {min(lengths)} to {max(lengths)} frames an episode")
    if found.whole:
        left_out = found.tried - len(lengths)
        dropped = f"; {left_out} left out (--keep-failed keeps them)" if left_out else ""
        # Without an interval: recording stops at the last success that is needed.
        say(f"who demonstrated succeeded in {found.successes} of {found.tried} episodes{dropped}")
    say(f"dataset: {dest}")
