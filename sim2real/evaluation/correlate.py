# pyright: reportArgumentType=false
"""Whether simulation predicts which policies work well on the rehearsal robot."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from policies.policy import Policy
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.results import SIDES, CorrelationResult
from sim2real.evaluation.side_by_side import act_side_by_side
from sim2real.evaluation.simulation import Episodes
from sim2real.progress import Stages, no_stages
from sim2real.runs import start_run
from sim2real.statistics.correlation import Correlation


def correlate(
    config: EvaluateConfig,
    policies: Sequence[Policy],
    folders: tuple[Path, ...],
    out: Path | None = None,
    stages: Stages = no_stages,
) -> CorrelationResult:
    """Evaluate every policy in simulation and on the rehearsal robot, and correlate the success rates.

    Raises:
        InputError: settings that one of them refuses, or a folder that is in use.
    """
    # Both are checked before anything runs, so that errors of the second side appear first.
    settings = {"sim": replace(config, on="sim", against=None, more=())}
    settings["rehearsal"] = replace(settings["sim"], on="rehearsal", randomization="default")
    run, config = start_run("evaluate", config, out, resume=False)
    episodes: dict[str, tuple[Episodes, ...]] = {}
    for side in SIDES:
        episodes[side] = tuple(act_side_by_side(settings[side], policies, folders, stages(side)))
    successes = ([each.success[each.completed] for each in episodes[side]] for side in SIDES)
    correlation = Correlation.of(*successes)
    checkpoints = [
        {
            "checkpoint": str(folder),
            **{side: {**episodes[side][k].summary(), "episodes": episodes[side][k].rows()} for side in SIDES},
        }
        for k, folder in enumerate(folders)
    ]
    figures = {"correlation": correlation.to_dict(), "checkpoints": checkpoints}
    run.write_metrics({"finished": True, "on": config.on, **figures})
    return CorrelationResult(run.folder, run.metrics, config, policies[0].config.task, folders, episodes, correlation)
