"""`sim2real identify`: the servos of a robot, from its recordings."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from launch.console import print_table, reporting, say, typed_command
from sim2real.errors import InputError
from sim2real.runs import start_run


@dataclass(frozen=True)
class IdentifyConfig:
    """What `sim2real identify` does.

    Attributes:
        robot: whose recordings they are: so101.
        dataset: recordings, LeRobot v3.0, with action and observation.state; episodes in brackets: path[0:17].
        held_out: share of the episodes that nothing is fitted to.
        seed: of the split.
        frames: at most so many are fitted, of episodes drawn at random.
        threads: of the simulation.
    """

    robot: Annotated[str, tyro.conf.arg(metavar="ROBOT")]
    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    held_out: float = 0.3
    seed: int = 0
    frames: int = 9000
    threads: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.held_out < 1:
            raise InputError(f"held-out must be between 0 and 1, not {self.held_out}")
        if self.seed < 0:
            raise InputError(f"seed must be at least 0, not {self.seed}")
        if self.frames < 100:
            raise InputError(f"frames must be at least 100, not {self.frames}")
        if self.threads < 1:
            raise InputError(f"threads must be at least 1, not {self.threads}")

    @property
    def task(self) -> str:
        """Names the run's folder."""
        return self.robot


def command(
    config: Annotated[IdentifyConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Fit servo gains, friction, delay and play to logged commands and states; judge on episodes held out.

    Writes robot.json, randomization.toml (for `train --randomization`), metrics.json and report.html.

    Example: sim2real identify so101 datasets/lift --out runs/so101
    """
    from sim2real.datasets import EpisodeDataset
    from sim2real.files import write_json
    from sim2real.identification import result
    from sim2real.identification.found import judge
    from sim2real.identification.identify import identify as fit
    from sim2real.identification.models import arm_of
    from sim2real.identification.simulation import Replayer
    from sim2real.identification.split import check_motion, some_rows, split_episodes
    from sim2real.recordings.arm_logs import read_recording
    from sim2real.reports.pages import identification as page
    from sim2real.robots import find_robot

    robot = find_robot(config.robot)
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists: choose another --out")
    with reporting() as stage:
        report = stage("read")
        recording = read_recording(EpisodeDataset.open(config.dataset), robot)
        report(1, 1)
        split = split_episodes(recording.logs, config.held_out, config.seed)
        check_motion(split.fit)
        replayer = Replayer(arm_of(robot), recording.fps, config.threads)
        found = fit(robot, recording, some_rows(split.fit, config.frames, config.seed), replayer, stage)
        report = stage("judge")
        judged = judge(found, replayer, split.held_out, recording.fps)
        report(1, 1)
    run, config = start_run("identify", config, out, resume=False)
    name = Path(config.dataset).name
    title, command = f"{robot.name} identified from {name}", typed_command()
    write_json(run.folder / "robot.json", result.robot_file(robot, recording, found, config.dataset))
    result.write_randomization(run.folder / "randomization.toml", found, robot.name, name)
    page.write_page(run.folder / "report.html", title, found, judged, split, recording, replayer, command, config.seed)
    run.write_metrics(result.figures(found, judged, split, recording, config.seed))
    if recording.short:
        say(f"left out, shorter than a second: episodes {', '.join(map(str, recording.short))}")
    if recording.units.assumed:
        say(f"too few values to show their unit, the model's range is assumed: {', '.join(recording.units.assumed)}")
    print_table(page.PARAMETERS[:-1], page.identified_rows(found), f"servos of {robot.name}, as the recordings tell")
    say(f"{page.interval_line(found)} What the log does not tell, and where such values are from, is in the report.")
    print_table(page.ERRORS, page.error_rows(found, judged), page.object_line(found))
    say(page.errors_line(split))
    say(f"train with it: sim2real train Reach --randomization {run.folder}/randomization.toml")
    say(f"report: {run.folder / 'report.html'}")
