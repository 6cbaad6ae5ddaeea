"""`sim2real probe`: what recordings look like to a pretrained policy, and which plan that speaks for."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import tyro

from launch.console import print_table, reporting, say, typed_command
from launch.transfer import described, read, simulate
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.errors import InputError
from sim2real.evaluation.offline import plain
from sim2real.recordings.frames import check_smoothing
from sim2real.reports.pages.adaptation import write_probe_report
from sim2real.runs import start_run
from sim2real.statistics.agreement import METRIC_NAMES
from sim2real.transfer.plans import PARTS
from sim2real.transfer.probe import probe


@dataclasses.dataclass(frozen=True)
class ProbeConfig:
    """What `sim2real probe` does.

    Attributes:
        checkpoint: a policy's folder, or the run that pretrained it.
        dataset: recordings, LeRobot v3.0; episodes in brackets: path[0:17].
        smooth: s to either side over which people's actions are averaged; None: as the task has it.
        simulated: frames to compare with.
    """

    checkpoint: Annotated[Path, tyro.conf.arg(metavar="CHECKPOINT")]
    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    smooth: float | None = None
    simulated: int = 960

    def __post_init__(self) -> None:
        check_smoothing(self.smooth)
        if self.simulated < 100:
            raise InputError(f"simulated must be at least 100 frames, not {self.simulated}")

    @property
    def task(self) -> str:
        """Names the run's folder."""
        return self.checkpoint.resolve().name


def command(
    config: Annotated[ProbeConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Compare recordings with simulated frames through a policy's eyes, without training; recommend a plan.

    Example: sim2real probe runs/policy datasets/track_1
    """
    folder = policy_folder(config.checkpoint)
    policy = load_policy(folder)
    with reporting() as stage:
        frames = read(config.dataset, policy, config.smooth, stage("read recordings"))
        simulated = simulate(policy, folder, stage, config.simulated)
        found = probe(policy, frames, simulated)
    run, _ = start_run("probe", config, out, resume=False)
    figures = dataclasses.asdict(found) | {"zero_shot": plain(found.zero_shot), "smoothing": frames.smoothing}
    figures["unit"] = frames.units().describe()
    run.write_metrics({"finished": True, **figures})
    write_probe_report(run.folder / "report.html", config.dataset, found, frames, simulated, typed_command())
    say(described(config.dataset, frames))
    rows: list[list[Any]] = [[METRIC_NAMES[name], value] for name, value in found.zero_shot.items()]
    print_table(["zero-shot", "value [95 % interval]"], rows)
    rows = [[part, found.shift.get(part), found.usual.get(part), found.gradients[part]] for part in PARTS]
    print_table(["part", "shift", "among simulated", "relative gradient"], rows)
    say("Shift: distance of a channel's mean between simulated and recorded frames, in its standard deviations.")
    say(f"recommended: {found.recommended} ({found.reason})\nreport: {run.folder / 'report.html'}")
