"""`sim2real probe`: compare recordings with simulation as a pretrained policy sees them, and recommend a plan."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, say, typed_command
from sim2real.transfer.probe_config import ProbeConfig


def command(
    config: Annotated[ProbeConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Compare recordings with simulated frames in a policy's features, without training; recommend a plan.

    Example: sim2real probe runs/policy datasets/track_1
    """
    # Imported here because torch and MuJoCo take seconds to import, and --help does not need them.
    from sim2real.reports.lines import frames_line, reading_lines
    from sim2real.reports.pages.probe import (
        SHIFT_HEADER,
        ZERO_SHOT_HEADER,
        shift_rows,
        write_probe_report,
        zero_shot_rows,
    )
    from sim2real.transfer.probe import probe

    with reporting() as stages:
        probed = probe(config, out, stages)
    page = probed.folder / "report.html"
    write_probe_report(page, probed, typed_command())
    for line in (*reading_lines(probed.reading), frames_line(config.dataset, probed.frames)):
        say(line)
    print_table(ZERO_SHOT_HEADER, zero_shot_rows(probed.shift))
    print_table(SHIFT_HEADER, shift_rows(probed.shift))
    say("Shift: distance of a channel's mean between simulated and recorded frames, in its standard deviations.")
    say(f"recommended: {probed.shift.recommended} ({probed.shift.reason})\nreport: {page}")
