"""Policies in closed loop on a rebuilt track."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from policies.policy import Policy
from sim2real.datasets.files import write_tables
from sim2real.errors import InputError
from sim2real.evaluation.config import EvaluateConfig
from sim2real.evaluation.results import TrackEvaluation, short_names
from sim2real.progress import Stages, no_stages
from sim2real.runs import start_run
from sim2real.statistics.rates import RateDifference
from sim2real.tracks.controls import teacher, zero_steering
from sim2real.tracks.driving import Act, Situation, TrackEpisodes, draw_episodes, drive
from sim2real.tracks.figures import driver_figures, lap_figures
from sim2real.tracks.laps import Laps
from sim2real.tracks.rebuilt import RebuiltTrack, read_track
from sim2real.tracks.rendering import MapRenderer

TASK = "LaneFollow"  # whose car drove the tracks
CONTROLS = {"zero_steering": zero_steering, "teacher": teacher}
_BATCH = 64  # frames at a time: activations of more do not stay in the cache


class Renderer(Protocol):
    """Draws camera frames (n, h, w, 3) uint8 RGB at poses (n, 3) map_from_car."""

    def frames(self, poses: np.ndarray) -> np.ndarray: ...


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
    _check(track, policies, folders)
    episodes = draw_episodes(track, config.episodes, config.seed, config.speed)
    renderer = MapRenderer(track)
    run, config = start_run("evaluate", config, out, resume=False)
    controls = {name: drive(control(episodes), episodes) for name, control in CONTROLS.items()}
    driven: dict[str, Laps] = {}
    seconds, paths = 0.0, [_paths(f"control {name}", each) for name, each in controls.items()]
    for name, policy in zip(names, policies, strict=True):
        begun = time.process_time()
        driven[name] = drive(policy_driver(policy, renderer), episodes, stages(f"drive {name}"))
        seconds += time.process_time() - begun
        paths.append(_paths(name, driven[name]))
        write_tables(run.folder / "paths.parquet", paths)
        finished = len(driven) == len(names)
        run.write_metrics({"finished": finished, **_metrics(config, track, episodes, driven, controls)})
    frames = sum(len(each.steps.lap) for each in driven.values())
    differences = {name: _difference(driven[names[0]], driven[name]) for name in names[1:]}
    parts = track, episodes, driven, controls, differences, frames / max(seconds, 1e-9)
    return TrackEvaluation(run.folder, run.metrics, config, folders, *parts)


def policy_driver(policy: Policy, renderer: Renderer) -> Act:
    """Return a driver that sees raw frames, as on the car, and its last command where it needs a state."""
    names, key = policy.config.action_names, policy.config.preprocessing.key
    columns = [names.index(name) for name in ("steering", "throttle")]

    def act(now: Situation) -> np.ndarray:
        parts = []
        for first in range(0, len(now.which), _BATCH):
            part = now.which[first : first + _BATCH]
            state = now.cars.last[part].astype(np.float32)
            parts.append(policy.act({key: renderer.frames(now.cars.poses[part]), "state": state}))
        return np.concatenate(parts)[:, columns]

    return act


def _check(track: RebuiltTrack, policies: Sequence[Policy], folders: Sequence[Path]) -> None:
    """Raise InputError for a policy of another robot, or of another camera than the track's."""
    camera = track.mount.camera
    for policy, folder in zip(policies, folders, strict=True):
        if policy.config.task.partition(":")[0] != TASK:
            raise InputError(f"{folder} was made for {policy.config.task}: a rebuilt track is driven by {TASK}")
        width, height = policy.config.preprocessing.raw_size
        if abs(width * camera.height - height * camera.width) > 0.01 * width * camera.height:
            size = f"{camera.width}x{camera.height}"
            raise InputError(f"{track.folder} has frames of {size}, {folder} was made for {width}x{height}")


def _difference(first: Laps, second: Laps) -> RateDifference:
    return RateDifference.of(first.clean, second.clean)


def _metrics(
    config: EvaluateConfig,
    track: RebuiltTrack,
    episodes: TrackEpisodes,
    driven: dict[str, Laps],
    controls: dict[str, Laps],
) -> dict[str, Any]:
    first, fps, course = next(iter(driven)), track.fps, episodes.course
    figures = {name: lap_figures(each, fps) for name, each in driven.items()}
    checkpoints = {
        name: {**each, **({} if name == first else {"difference": _difference(driven[first], driven[name]).to_dict()})}
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
