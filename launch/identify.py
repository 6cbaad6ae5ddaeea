"""`sim2real identify`: identify the servos of a robot from its recordings."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, say, typed_command
from sim2real.identification.config import IdentifyConfig


def command(
    config: Annotated[IdentifyConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Fit servo gains, friction, delay and backlash to logged commands and states; evaluate on held-out episodes.

    Writes robot.json, randomization.toml (for `train --randomization`), metrics.json and report.html.

    Example: sim2real identify so101 datasets/lift --out runs/so101

    A camera's sensor has other settings: sim2real identify sensor --help
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
        say(f"too few values to infer the unit, the model's range is assumed: {', '.join(recording.units.assumed)}")
    print_table(page.PARAMETERS[:-1], page.identified_rows(servos), f"servos of {robot}, from the recordings")
    say(f"{page.parameter_interval_line(servos)} The report lists the parameters that the log does not identify, too.")
    print_table(page.ERRORS, page.error_rows(servos, result.judgement), page.object_line(servos))
    say(page.errors_line(result.split))
    say(f"train with it: sim2real train Reach --randomization {result.folder}/randomization.toml")
    say(f"report: {result.folder / 'report.html'}")
