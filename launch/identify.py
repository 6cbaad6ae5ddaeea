"""`sim2real identify`: the servos of a robot, from its recordings."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, say, typed_command
from sim2real.identification.config import IdentifyConfig


def command(
    config: Annotated[IdentifyConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Fit servo gains, friction, delay and play to logged commands and states; judge on episodes held out.

    Writes robot.json, randomization.toml (for `train --randomization`), metrics.json and report.html.

    Example: sim2real identify so101 datasets/lift --out runs/so101
    """
    from sim2real.identification.identify import identify
    from sim2real.reports.pages import identification as page

    with reporting() as stages:
        result = identify(config, out, stages)
    page.write_identification_report(result, typed_command())
    robot, recording, servos = result.robot.name, result.recording, result.servos
    if recording.short:
        say(f"left out, shorter than a second: episodes {', '.join(map(str, recording.short))}")
    if recording.units.assumed:
        say(f"too few values to show their unit, the model's range is assumed: {', '.join(recording.units.assumed)}")
    print_table(page.PARAMETERS[:-1], page.identified_rows(servos), f"servos of {robot}, as the recordings tell")
    say(f"{page.interval_line(servos)} What the log does not tell, and where such values are from, is in the report.")
    print_table(page.ERRORS, page.error_rows(servos, result.judgement), page.object_line(servos))
    say(page.errors_line(result.split))
    say(f"train with it: sim2real train Reach --randomization {result.folder}/randomization.toml")
    say(f"report: {result.folder / 'report.html'}")
