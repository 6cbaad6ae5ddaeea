"""`sim2real look`: show what a task's camera sees, before anything is trained."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import say


def command(
    task: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASK")],
    out: Path = Path("runs/look.png"),
    beside: Path | None = None,
    randomization: str = "default",
) -> None:
    """Draw a contact sheet of simulated frames, nominal and randomized, beside real ones if given.

    Example: sim2real look LaneFollow --beside path/to/tub/images --out runs/look.png

    Args:
        task: name of a task.
        out: file of the picture.
        beside: folder with frames of the real camera.
        randomization: a preset of the task, or a TOML file.
    """
    from sim2real.reports.films.rollouts import contact_sheet
    from sim2real.worlds import load_randomization

    contact_sheet(task, out, beside, load_randomization(task, randomization))
    say(f"contact sheet: {out}")
