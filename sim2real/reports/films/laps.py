"""Films of laps on a rebuilt track, and their worst moments."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from sim2real.evaluation.results import TrackEvaluation
from sim2real.progress import Progress, silent
from sim2real.reports.films.video import write_video
from sim2real.reports.pictures.overlay import COLOURS, draw_steering
from sim2real.reports.pictures.plan import Plan
from sim2real.tracks.driving.laps import Laps, Steps

_WIDTH = 480  # px of the camera's frame and of the plan
_BEFORE = 0.5  # s before an intervention: what the policy saw when it went wrong
_APART = 1.0  # m between worst moments


def film_laps(result: TrackEvaluation, path: Path, seconds: float, progress: Progress = silent) -> int:
    """Film the first policy's laps one after the other, with the car on the map; returns the number of frames.

    Raises:
        InputError, OSError: as write_video.
    """
    laps, fps = next(iter(result.laps.values())), result.track.fps
    return write_video(path, _pictures(result, laps, max(round(seconds * fps), 1), progress), fps)


def _pictures(result: TrackEvaluation, laps: Laps, most: int, progress: Progress) -> Iterator[np.ndarray]:
    empty, done = _plan(result), 0
    total = min(most, len(laps.steps.lap))
    for lap in range(len(laps.seeds)):
        steps, plan = laps.steps.of(lap), empty.copy()
        outs = dict(zip(laps.out_step[laps.out_lap == lap], laps.out_pose[laps.out_lap == lap], strict=True))
        for k, pose in enumerate(steps.pose):
            if done == total:
                return
            if k and k - 1 not in outs:  # an intervention moves the car: no line
                plan.path(steps.pose[k - 1 : k + 1, :2], COLOURS[1], 2)
            if k in outs:
                plan.marks(outs[k][None, :2], (200, 30, 30))
            caption = f"lap {lap + 1}   {k / result.track.fps:.1f} s   offset {100 * steps.offset[k]:+.0f} cm"
            yield _beside(_seen(result, steps, k, caption), plan, pose)
            done += 1
            progress(done, total)


def _plan(result: TrackEvaluation) -> Plan:
    plan, line = Plan(result.track.mosaic, _WIDTH), result.track.line
    plan.path(np.concatenate([line.points, line.points[: int(line.closed)]]), (120, 126, 134))
    return plan


def _seen(result: TrackEvaluation, steps: Steps, k: int, caption: str) -> np.ndarray:
    """Return the frame that the first policy saw before one of the steps, with its steering."""
    name, laps = next(iter(result.laps.items()))
    frame = result.renderer.frames(steps.pose[k : k + 1], laps.frame_seeds(steps)[k : k + 1])[0]
    return draw_steering(frame, {name[-24:]: float(steps.command[k, 0])}, caption, _WIDTH)


def _beside(seen: np.ndarray, plan: Plan, pose: np.ndarray) -> np.ndarray:
    """Return both pictures side by side; the shorter one is padded."""
    drawn = plan.copy()
    drawn.car(pose, COLOURS[0])
    height = max(seen.shape[0], drawn.image.shape[0])
    tiles = [
        np.pad(each, ((0, height - len(each)), (0, 0), (0, 0)), constant_values=255) for each in (seen, drawn.image)
    ]
    return np.concatenate(tiles, 1)


def worst_moments(result: TrackEvaluation, count: int = 6) -> list[tuple[np.ndarray, str]]:
    """Return pictures with captions of the first policy: where most interventions are, then the largest offsets."""
    name, laps = next(iter(result.laps.items()))
    empty, steps = _plan(result), laps.steps
    early, rows = round(_BEFORE * result.track.fps), _rows_of(steps)
    near = np.array(
        [(np.linalg.norm(laps.out_pose[:, :2] - pose[:2], axis=1) < _APART).sum() for pose in laps.out_pose]
    )
    moments = [
        (
            rows[int(laps.out_lap[k]), max(int(laps.out_step[k]) - early, 0)],
            f"before {near[k]} intervention(s) near here",
        )
        for k in np.argsort(-near, kind="stable")
    ]
    moments += [(int(k), "a large offset") for k in np.argsort(-np.abs(steps.offset), kind="stable")[:2000]]
    chosen: list[tuple[np.ndarray, str]] = []
    places: list[np.ndarray] = []
    for row, why in moments:
        pose, lap, time = steps.pose[row], steps.lap[row], steps.step[row] / result.track.fps
        if any(np.linalg.norm(pose[:2] - place) < _APART for place in places):
            continue  # another place says more
        places.append(pose[:2])
        caption = f"lap {lap + 1}   {time:.1f} s   offset {100 * steps.offset[row]:+.0f} cm"
        chosen.append((_beside(_seen(result, steps, row, caption), empty, pose), f"{name}: {why}"))
        if len(chosen) == count:
            break
    return chosen


def _rows_of(steps: Steps) -> dict[tuple[int, int], int]:
    """Return the row of each lap and step."""
    return {(int(lap), int(step)): row for row, (lap, step) in enumerate(zip(steps.lap, steps.step, strict=True))}
