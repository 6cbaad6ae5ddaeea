"""Calibration of a camera from a car's log: the public function behind `sim2real calibrate camera`."""

from dataclasses import replace
from pathlib import Path

from envs.lane_follow.scene import NOMINAL_CAMERA
from sim2real.calibration.config import CameraConfig
from sim2real.calibration.judge import Judged, disagreement, judge, split
from sim2real.calibration.result import Calibration, figures
from sim2real.calibration.rounds import ALWAYS, Paired, free_of, kept, paired_frames
from sim2real.calibration.uncertainty import Interval, correlations, intervals
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.files import write_json
from sim2real.progress import Progress, Stages, no_stages, part_of
from sim2real.runs import start_run
from sim2real.tracks.photometric.fit import FINE, Fit, fit
from sim2real.tracks.photometric.optics import Optics, distorted
from sim2real.worlds import read_camera

EXTRAS = ("roll", "k2")  # which are freed if held-out pairs agree better with them
WORTH = 0.02  # share by which they must: doubtful ones are freed from one start and not from another, and move the rest
TOLD = {"focal": 0.05, "cx": 4.0, "cy": 4.0, "k1": 0.1, "k2": 0.2, "pitch": 0.035, "roll": 0.035}
"""Half widths of 95 % intervals, as in PARAMETERS, above which a log does not tell a parameter."""
HELD_FIRST = ("k2", "k1", "roll", "cy", "cx", "pitch", "focal")  # cy stands for what it cannot be told from
WORST = 2.5  # px of disagreement of held-out pairs, above which the ground is not flat or nothing was found


def calibrate_camera(config: CameraConfig, out: Path | None = None, stages: Stages = no_stages) -> Calibration:
    """Fit focal length, centre, distortion and tilt of a car's camera to its log: frames of a flat ground must agree.

    The run's folder gets config.json, camera.json and metrics.json.

    Args:
        out: folder of the run; None: a new one under `runs/`.

    Raises:
        InputError: settings, recordings, camera or folder cannot be used, or frames do not show a flat ground that
            moves; nothing is written.
    """
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists: choose another --out")
    dataset = EpisodeDataset.open(config.dataset)
    camera = NOMINAL_CAMERA.view.camera if config.camera is None else read_camera(config.camera)
    start = Optics(camera, config.ahead, config.height, config.pitch, config.roll)
    wide = replace(start, camera=distorted(camera))
    paired = paired_frames(dataset, wide, config, stages)
    found = paired.found
    chosen, judged = _choose(paired, start, config, stages("compare lens models"))
    final, held, ends = _final(paired, chosen, stages("fit all pairs"))
    if judged["fitted"].after > WORST:
        raise InputError(
            f"{config.dataset}: after the fit frames disagree by {judged['fitted'].after:.1f} px: they show no flat "
            "ground, or the start is too far off (--camera, --height, --pitch)"
        )
    metrics = {**figures(config, found, start, final, ends, held, judged), "turn_scale": paired.turns}
    run, config = start_run("calibrate-camera", config, out, resume=False)
    write_json(run.folder / "camera.json", final.optics.camera.to_dict())
    run.write_metrics(metrics)
    about = correlations(final, found)
    return Calibration(config, run.folder, start, final.optics, found, final, ends, about, held, judged, run.metrics)


def _choose(
    paired: Paired, start: Optics, config: CameraConfig, progress: Progress
) -> tuple[tuple[str, ...], dict[str, Judged]]:
    """Return the parameters to fit, and how well held-out pairs agreed, by candidate.

    Each of EXTRAS is added if the held-out pairs agree better with it, beyond chance and by what it is WORTH.
    """
    found, wide, near = paired.found, paired.wide, paired.near
    train, held = ([found.pairs[k] for k in side] for side in split(found, config.hold_out, config.seed))
    chosen, judged, begun = ALWAYS, {}, replace(start, soft=wide.soft)
    free, parts = free_of(chosen), len(EXTRAS) + 1
    best = fit(train, wide, free, begin=kept(near, wide, free), progress=part_of(progress, 0, parts))
    left = disagreement(held, best.optics)
    for k, name in enumerate(EXTRAS, 1):
        free = free_of((*chosen, name))
        more = fit(train, wide, free, best.motions, FINE[-1:], best.optics, part_of(progress, k, parts))
        tried = disagreement(held, more.optics)
        judged[name] = judge(held, left, tried)
        if (judged[name].low or 0.0) > WORTH:
            chosen, best, left = (*chosen, name), more, tried
    return chosen, {"fitted": judge(held, disagreement(held, begun), left), **judged}


def _final(
    paired: Paired, chosen: tuple[str, ...], progress: Progress
) -> tuple[Fit, tuple[str, ...], dict[str, Interval]]:
    """Fit the chosen parameters to all pairs; hold, one by one, what they do not tell."""
    found, wide, near = paired.found, paired.wide, paired.near
    held: tuple[str, ...] = ()
    while True:
        free = free_of(tuple(name for name in chosen if name not in held))
        done = fit(found.pairs, wide, free, begin=kept(near, wide, free), progress=progress)
        ends = intervals(done, found)
        untold = [name for name, each in ends.items() if each.half > TOLD[name]]
        if not untold or len(held) == len(chosen) - 1:
            return done, held, ends
        # What is held stands for all that it cannot be told from: the next fit says what is left.
        held = (*held, next(name for name in HELD_FIRST if name in ends and (name in untold or name == "cy")))
