"""`sim2real ladder`: what adaptation mends when the simulated camera was wrong."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, resumable, resume_command, say, typed_command
from sim2real.runs import run_folder
from sim2real.transfer.ladder_config import LadderConfig


def command(
    config: Annotated[LadderConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
    resume: Annotated[bool, tyro.conf.arg(help="go on with an interrupted run")] = False,
) -> None:
    """Pretrain with a matched and with ever worse cameras, adapt each by every plan, and put all in one table.

    The plan that `auto` takes is compared with the best one, which is chosen on one half of the test recordings; the
    two are compared on the other half.

    Example: sim2real ladder datasets/track_1 datasets/track_2 --out runs/ladder
    """
    # Only here, as torch and MuJoCo take seconds to import: --help does without them.
    from sim2real.reports.pages.ladder import HEADER, ladder_note, ladder_rows, write_ladder_report
    from sim2real.transfer.ladder import ladder

    out = out or run_folder("ladder", config, resume)
    with resumable(resume_command(out), out), reporting() as stages:
        climbed = ladder(config, out, resume, stages)
    print_table(HEADER, ladder_rows(climbed))
    say(f"People's actions averaged over ± {climbed.smoothing:g} s. {ladder_note(climbed)}")
    write_ladder_report(out / "report.html", climbed, typed_command())
    say(f"report: {out / 'report.html'}")
