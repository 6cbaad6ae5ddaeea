"""What adaptation recovers when the simulated camera was wrong: the public function behind `sim2real ladder`."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from envs import pinned
from sim2real.progress import Stages, no_stages
from sim2real.runs import start_run
from sim2real.transfer.ladder_config import LadderConfig
from sim2real.transfer.rungs import Rung, check_ladder, climb, summary


@dataclass(frozen=True)
class Ladder:
    """A finished ladder.

    Attributes:
        folder: folder of the run: `metrics.json`, and a folder for each rung.
        config: its settings.
        rungs: rungs with increasingly wrong cameras, the matched one first.
        smoothing: recorded actions were averaged over ± this many seconds.
        metrics: content of `metrics.json`.
    """

    folder: Path
    config: LadderConfig
    rungs: tuple[Rung, ...]
    smoothing: float
    metrics: dict[str, Any]


def ladder(config: LadderConfig, out: Path | None = None, resume: bool = False, stages: Stages = no_stages) -> Ladder:
    """Pretrain with a matched and with increasingly wrong cameras, adapt each by every plan, and compare the results.

    The plan that `auto` chooses is compared with the best plan. One half of the test recordings selects the best plan;
    the other half compares the two.

    Args:
        out: folder of the run; None: a new one under runs/.
        resume: resume an interrupted run, with the settings that it was started with.

    Raises:
        InputError: settings, recordings or folder cannot be used; no files are left behind.
    """
    check_ladder(config)
    config = replace(config, task=pinned(config.task))
    run, config = start_run("ladder", config, out, resume)
    rungs = tuple(climb(config, run.folder, stages))
    smoothing = rungs[0].outcome.smoothing
    run.write_metrics({"finished": True, "smoothing": smoothing, "rungs": summary(rungs)})
    return Ladder(run.folder, config, rungs, smoothing, run.metrics)
