"""Policies in closed loop on a rebuilt track."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from policies.policy import Policy
from sim2real.datasets.files import write_tables
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.naming import short_names
from sim2real.evaluation.results import TrackEvaluation
from sim2real.progress import Stages, no_stages
from sim2real.runs import start_run
from sim2real.statistics.rates import RateDifference
from sim2real.tracks.drawing.rendering import MapRenderer, NearestRenderer
from sim2real.tracks.drawing.validity import Validity, held_out_frames, validity
from sim2real.tracks.driving.controls import teacher, zero_steering
from sim2real.tracks.driving.figures import driver_figures, lap_figures
from sim2real.tracks.driving.laps import Laps
from sim2real.tracks.driving.loop import TrackEpisodes, draw_episodes, drive
from sim2real.tracks.driving.policy_driver import check_drives, policy_driver
from sim2real.tracks.driving.second import MAP, NEAREST, Comparison, compare
from sim2real.tracks.rebuilt import RebuiltTrack, read_track

CONTROLS = {"zero_steering": zero_steering, "teacher": teacher}


@dataclass
class _Results:
    """What is known so far, by the policy's name, as in TrackEvaluation."""

    laps: dict[str, Laps] = field(default_factory=dict)
    second: dict[str, Comparison] = field(default_factory=dict)
    validity: dict[str, Validity] = field(default_factory=dict)
    unproven: dict[str, str] = field(default_factory=dict)

    def differences(self) -> dict[str, RateDifference]:
        """Return the laps without intervention of each further policy minus those of the first."""
        first, *more = self.laps
        return {name: RateDifference.of(self.laps[first].clean, self.laps[name].clean) for name in more}


def evaluate_on_track(
    config: EvaluateConfig,
    policies: Sequence[Policy],
    folders: tuple[Path, ...],
    out: Path | None = None,
    stages: Stages = no_stages,
) -> TrackEvaluation:
    """Drive every policy through the same laps of a rebuilt track, and the controls; write figures and paths.

    The figures of policies that are done are on disk while the next one drives.

    Raises:
        InputError: no such track, or one that does not fit the policies; nothing is written.
    """
    track, names = read_track(Path(str(config.track))), short_names(config.checkpoints)
    for policy, folder in zip(policies, folders, strict=True):
        check_drives(policy, folder, track)
    episodes = draw_episodes(track, config.episodes, config.seed, config.speed)
    count = min(config.second_renderer, config.episodes)
    again = draw_episodes(track, count, config.seed, config.speed) if count else None
    renderer = MapRenderer(track)
    nearest = NearestRenderer(track, renderer)
    run, config = start_run("evaluate", config, out, resume=False)
    controls = {name: drive(control(episodes), episodes) for name, control in CONTROLS.items()}
    results = _Results()
    seconds, paths = 0.0, [_paths(f"control {name}", each) for name, each in controls.items()]
    for name, policy in zip(names, policies, strict=True):
        begun = time.process_time()
        results.laps[name] = drive(policy_driver(policy, renderer), episodes, stages(f"drive {name}"))
        seconds += time.process_time() - begun
        paths.append(_paths(name, results.laps[name]))
        if again is not None:
            laps = drive(policy_driver(policy, nearest), again, stages(f"drive {name} on the second renderer"))
            results.second[name] = compare(results.laps[name], laps, track.line)
            paths.append(_paths(f"{name} on the second renderer", laps))
        write_tables(run.folder / "paths.parquet", paths)
        run.write_metrics({"finished": False, **_metrics(config, track, episodes, results, controls)})
    _prove(track, {MAP: renderer, NEAREST: nearest}, dict(zip(names, policies, strict=True)), results, stages)
    run.write_metrics({"finished": True, **_metrics(config, track, episodes, results, controls)})
    frames = sum(len(each.steps.lap) for each in results.laps.values())
    parts = track, episodes, renderer, results.laps, controls, results.differences()
    checks = results.second, results.validity, results.unproven, frames / max(seconds, 1e-9)
    return TrackEvaluation(run.folder, run.metrics, config, folders, *parts, *checks)


def _prove(
    track: RebuiltTrack,
    renderers: Mapping[str, MapRenderer],
    policies: Mapping[str, Policy],
    results: _Results,
    stages: Stages,
) -> None:
    """Add validity on held-out frames, or why it is not known: laps are worth something without it."""
    try:
        held_out = held_out_frames(track, renderers, stages("draw held-out frames"))
    except InputError as error:
        results.unproven |= dict.fromkeys(policies, str(error))
        return
    progress = stages("compare with held-out frames")
    for k, (name, policy) in enumerate(policies.items()):
        try:
            results.validity[name] = validity(held_out, policy)
        except InputError as error:
            results.unproven[name] = str(error)
        progress(k + 1, len(policies))


def _metrics(
    config: EvaluateConfig,
    track: RebuiltTrack,
    episodes: TrackEpisodes,
    results: _Results,
    controls: dict[str, Laps],
) -> dict[str, Any]:
    fps, course, differences = track.fps, episodes.course, results.differences()
    figures = {name: lap_figures(each, fps) for name, each in results.laps.items()}
    for name, each in results.second.items():
        figures[name]["second_renderer"] = each.metrics()
    for name, each in results.validity.items():
        figures[name]["validity"] = each.metrics()
    first = next(iter(figures))
    checkpoints = {
        name: {**each, **({"difference": differences[name].to_dict()} if name in differences else {})}
        for name, each in figures.items()
    }
    return {
        "on": config.on,
        "track": {"folder": str(track.folder), "closed": course.line.closed, "lap": course.lap, "half": course.half},
        "first_seed": config.seed,
        **figures[first],
        **({"checkpoints": checkpoints} if len(config.checkpoints) > 1 else {}),
        "controls": {name: lap_figures(each, fps) for name, each in controls.items()},
        "driver": driver_figures(course.driver, track.driver),
    }


def _paths(name: str, laps: Laps) -> pa.Table:
    """Return a row per step of every lap; `out` where the car was put back after the step."""
    steps = laps.steps
    count = int(steps.step.max()) + 1
    out = np.isin(steps.lap * count + steps.step, laps.out_lap * count + laps.out_step)
    columns = {"x": steps.pose[:, 0], "y": steps.pose[:, 1], "yaw": steps.pose[:, 2], "offset": steps.offset}
    commands = {"steering": steps.command[:, 0], "throttle": steps.command[:, 1], "speed": steps.speed}
    rows = {"lap": steps.lap, "step": steps.step, **columns, **commands, "out": out}
    return pa.table({"driver": pa.array([name] * len(out)).dictionary_encode(), **rows})
