"""What adaptation mends when the simulated camera was wrong: the public function behind `sim2real ladder`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sim2real.progress import Stages, no_stages
from sim2real.runs import start_run
from sim2real.transfer.ladder_config import LadderConfig
from sim2real.transfer.rungs import Rung, check_ladder, climb, summary


@dataclass(frozen=True)
class Ladder:
    """A ladder that was climbed.

    Attributes:
        folder: of the run: `metrics.json`, and a folder for each rung.
        config: that was carried out.
        rungs: in the order of ever worse cameras, the matched one first.
        smoothing: s to either side over which recorded actions were averaged.
        metrics: as in `metrics.json`.
    """

    folder: Path
    config: LadderConfig
    rungs: tuple[Rung, ...]
    smoothing: float
    metrics: dict[str, Any]


def ladder(config: LadderConfig, out: Path | None = None, resume: bool = False, stages: Stages = no_stages) -> Ladder:
    """Pretrain with a matched and with ever worse cameras, adapt each by every plan, and measure them all.

    The plan that `auto` takes is compared with the best one, which is chosen on one half of the test recordings; the
    two are compared on the other half.

    Args:
        out: folder of the run; None: a new one under runs/.
        resume: go on with an interrupted run, with the settings that it was started with.

    Raises:
        InputError: settings, recordings or folder cannot be used; then nothing is left behind.
    """
    check_ladder(config)
    run, config = start_run("ladder", config, out, resume)
    rungs = tuple(climb(config, run.folder, stages))
    smoothing = rungs[0].outcome.smoothing
    run.write_metrics({"finished": True, "smoothing": smoothing, "rungs": summary(rungs)})
    return Ladder(run.folder, config, rungs, smoothing, run.metrics)
