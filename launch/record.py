"""`sim2real record`: episodes of a driven car become a dataset."""

from pathlib import Path
from typing import Literal

import tyro

from launch.console import reporting, say
from sim2real.rehearsal import Recording, record


def record_command(
    dest: tyro.conf.Positional[Path],
    on: Literal["rehearsal"] = "rehearsal",
    episodes: int = Recording.episodes,
    seconds: float = Recording.seconds,
    seed: int = Recording.seed,
) -> None:
    """Record the rehearsal car, a simulated stand-in for a real one, as a LeRobot v3.0 dataset.

    A simulated person drives it, with a person's faults. Its lens, look, sensor and dynamics were withheld from
    pretraining, and it is recorded on other layouts than `sim2real evaluate --on rehearsal` drives on.

    Example: sim2real record datasets/rehearsal --on rehearsal --episodes 20

    Args:
        dest: the new dataset; it must not exist. An interrupted recording leaves nothing and can be repeated.
        on: what is recorded.
        episodes: how many.
        seconds: length of each.
        seed: of the first episode; the same one gives the same recording.
    """
    recording = Recording(episodes, seconds, seed)
    with reporting() as stage:
        report = stage("record")
        lengths = record(dest, recording, lambda done, total: report(done, total, {}))
    say(f"{len(lengths)} episodes, {sum(lengths)} frames: {min(lengths)} to {max(lengths)} frames an episode")
    say(f"dataset: {dest}")
