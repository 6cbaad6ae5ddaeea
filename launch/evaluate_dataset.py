"""`sim2real evaluate CHECKPOINT --dataset DATASET`: how a policy agrees with recordings."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from launch.console import print_table, reporting, say, typed_command
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.datasets import DatasetError, EpisodeDataset
from sim2real.datasets.files import write_tables
from sim2real.errors import InputError
from sim2real.evaluation.offline import Findings, judge, plain, predict
from sim2real.recordings.frames import Frames, read_frames
from sim2real.reports.lines import (
    SHOWN,
    episode_table,
    gain_line,
    interval_line,
    saturation_line,
    skipped_line,
    smoothing_line,
)
from sim2real.reports.pages.agreement import evaluation_page
from sim2real.runs import start_run
from sim2real.statistics.agreement import METRIC_NAMES

if TYPE_CHECKING:
    from launch.evaluate import EvaluateConfig


def evaluate_dataset(config: "EvaluateConfig", out: Path | None) -> None:
    """Compare a policy with what was done in recordings; print it, and write metrics, predictions and a page.

    Raises:
        InputError: no checkpoint, no dataset, or a recording that does not fit the policy.
    """
    if config.smooth is not None and not 0 <= config.smooth < float("inf"):
        raise InputError(f"smooth must be 0 or more seconds, not {config.smooth}")
    folder = policy_folder(config.checkpoint)
    policy = load_policy(folder)
    dataset = EpisodeDataset.open(str(config.dataset))
    if not len(dataset):
        raise DatasetError(f"{config.dataset} has no episodes yet")
    with reporting() as stage:
        report = stage("read")
        frames = read_frames(dataset, policy.config, config.smooth, report)
        judge(frames, np.zeros_like(frames.actions), policy.config.action_names)  # complains before anything is written
        run, config = start_run("evaluate", config, out, resume=False)
        report_predicted = stage("predict")
        predicted = predict(
            *(policy, frames.images, frames.state),
            progress=report_predicted,
        )
    findings = judge(frames, predicted, policy.config.action_names)
    _print(f"{folder} on {config.dataset}", frames, findings)
    saturation = frames.saturation(policy.config.action_names)
    if line := saturation_line(saturation, len(frames)):
        say(line)
    name = dataset.root.resolve().name
    write_tables(run.folder / "predictions.parquet", [_table(frames, predicted, findings, policy.config.action_names)])
    title = f"{config.checkpoint.resolve().name} on {Path(str(config.dataset)).name}"
    page = evaluation_page(title, frames, predicted, findings, policy.config.action_names)
    page.provenance(typed_command(), checkpoint=folder, frames_left_out=skipped_line(frames.skipped))
    page.write(run.folder / "report.html")
    metrics = {**_metrics(name, frames, findings), "saturated": saturation}
    run.write_metrics({"finished": True, "dataset": str(config.dataset), **metrics})
    say(f"report: {run.folder / 'report.html'}")
    say(f"run: {run.folder}")


def _print(title: str, frames: Frames, findings: list[Findings]) -> None:
    main, episodes = findings[0], len(frames.episodes)
    say(title)
    say(f"{len(frames)} frames of {episodes} episode{'s' * (episodes > 1)}; left out: {skipped_line(frames.skipped)}")
    say(f"{smoothing_line(frames.smoothing, frames.fps)}; --smooth sets the seconds to either side")
    for found in findings:
        _print_metrics(found)
        if len(found.columns) == 1:
            say(gain_line(found.gain, found.offset))
    say(interval_line(main.units))
    which = f"longest {SHOWN} of {episodes} episodes" if episodes > SHOWN else "episodes"
    print_table(*episode_table(main.per_episode), title=f"\n{main.action}: {which}")


def _print_metrics(found: Findings) -> None:
    """A row per metric, so that it fits a narrow terminal."""
    rows = []
    for name in found.metrics["policy"]:
        policy, zero, mean = (found.metrics[arm][name] for arm in ("policy", "zero", "mean"))
        interval = None if policy.low is None else f"{policy.low:.3f} … {policy.high:.3f}"
        rows.append([METRIC_NAMES[name], policy.value, interval, zero.value, mean.value])
    print_table([found.action, "policy", "95 % interval", "always 0", "always the mean"], rows, title="")


def _metrics(name: str, frames: Frames, findings: list[Findings]) -> dict[str, Any]:
    main = findings[0]
    return {
        "arms": {arm: {name: plain(values)} for arm, values in main.metrics.items()},
        "action": main.action,
        "frames": len(frames),
        "episodes": len(frames.episodes),
        "unit": main.units.describe(),
        "skipped": frames.skipped,
        "smoothing": frames.smoothing,
        **_gain(main),
        "further_actions": {
            other.action: {
                "arms": {arm: {name: plain(values)} for arm, values in other.metrics.items()},
                **_gain(other),
            }
            for other in findings[1:]
        },
        "per_episode": main.per_episode,
    }


def _gain(found: Findings) -> dict[str, Any]:
    """Of a single action; those of several are with each of them."""
    return {"gain": {"gain": found.gain, "offset": found.offset}} if len(found.columns) == 1 else {}


def _table(frames: Frames, predicted: np.ndarray, findings: list[Findings], names: tuple[str, ...]) -> pa.Table:
    """Predictions frame by frame: `actual` and `predicted` of the action that is judged, of others with their names."""
    columns: dict[str, Any] = {"episode": frames.episode, "frame": frames.row}
    for k in dict.fromkeys(k for found in findings for k in found.columns):
        end = "" if (k,) == frames.judged else f"_{names[k]}"
        columns |= {f"actual{end}": frames.actions[:, k], f"predicted{end}": predicted[:, k]}
    return pa.table(columns)
