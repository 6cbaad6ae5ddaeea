"""`sim2real identify sensor`: identify a camera's sensor from unlabelled frames of recordings."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, say, typed_command
from sim2real.identification.sensor.config import SensorConfig


def command(
    config: Annotated[SensorConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Fit vignette, blur, noise, JPEG, colours and tone of a camera to frames without labels.

    Statistics of recorded frames are compared with those of rendered ones through a model of the sensor. What other
    materials and light could explain as well is reported as not identified. Writes sensor.json, randomization.toml (for
    `pretrain --randomization`), metrics.json and report.html.

    Example: sim2real identify sensor datasets/track_1 --out runs/sensor
    """
    from sim2real.identification.sensor.identify import identify_sensor
    from sim2real.reports.pages import sensor as page

    with reporting() as stages:
        result = identify_sensor(config, out, stages)
    page.write_sensor_report(result, typed_command())
    print_table(page.PARAMETERS, page.parameter_rows(result), "the sensor, at the size of the camera's frames")
    say(page.known_line(result))
    say(page.jpeg_line(result))
    say(page.unknown_line(result))
    say(page.distance_line(result))
    where = f"{result.folder}/randomization.toml"
    say(f"pretrain with it: sim2real pretrain {config.task} --teacher runs/teacher --randomization {where}")
    say(f"report: {result.folder / 'report.html'}")
