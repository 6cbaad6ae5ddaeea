"""Identification of a robot's servo parameters from its recordings, evaluated on held-out episodes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.files import write_json
from sim2real.identification.config import IdentifyConfig
from sim2real.identification.fit_servos import fit_servos
from sim2real.identification.judge import Judgement, judge
from sim2real.identification.models import arm_of
from sim2real.identification.result import figures, robot_file, write_randomization
from sim2real.identification.servos import IdentifiedServos
from sim2real.identification.simulation import Replayer
from sim2real.identification.split import Split, check_motion, some_rows, split_episodes
from sim2real.progress import Stages, no_stages
from sim2real.recordings.arm_logs import ArmRecording, Log, read_recording
from sim2real.robots import RobotDescription, find_robot
from sim2real.runs import start_run


@dataclass(frozen=True)
class Identification:
    """An arm's servos, identified from recordings.

    Attributes:
        config: settings of the identification.
        folder: folder of the run, with robot.json and randomization.toml.
        metrics: content of its `metrics.json`.
        robot: the robot.
        recording: all usable episodes.
        split: the fitted and the held-out episodes.
        servos: the fitted parameters.
        judgement: errors on the held-out episodes.
        typical: the held-out episode with median error.
        replays: joint angles (T, J) [rad] of that episode's commands, open loop, with "published" and "identified"
            servos.
    """

    config: IdentifyConfig
    folder: Path
    metrics: Mapping[str, Any]
    robot: RobotDescription
    recording: ArmRecording
    split: Split
    servos: IdentifiedServos
    judgement: Judgement
    typical: Log
    replays: Mapping[str, np.ndarray]


def identify(config: IdentifyConfig, out: Path | None = None, stages: Stages = no_stages) -> Identification:
    """Fit servo gains, friction, delay and backlash to logged commands and states; evaluate on held-out episodes.

    The run's folder gets config.json, robot.json, randomization.toml and metrics.json.

    Args:
        out: folder of the run; None: a new one under `runs/`.

    Raises:
        InputError: no such robot or dataset, a recording that does not fit or hardly moves, or a folder in use;
            nothing is written.
    """
    try:
        robot = find_robot(config.robot)
    except InputError as error:
        raise InputError(f"{error}; or `sensor`, a camera's") from None
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out} exists: choose another --out")
    report = stages("read")
    recording = read_recording(EpisodeDataset.open(config.dataset), robot)
    report(1, 1)
    split = split_episodes(recording.logs, config.held_out, config.seed)
    check_motion(split.fit)
    replayer = Replayer(arm_of(robot), recording.fps, config.threads)
    servos = fit_servos(robot, recording, some_rows(split.fit, config.frames, config.seed), replayer, stages)
    report = stages("judge")
    judgement = judge(servos, replayer, split.held_out, recording.fps)
    typical = _typical(judgement, split.held_out)
    replays = {
        name: replayer.rollout({key: value[None] for key, value in values.items()}, [typical])[0][0]
        for name, values in (("published", servos.published), ("identified", servos.values))
    }
    report(1, 1)
    run, config = start_run("identify", config, out, resume=False)
    write_json(run.folder / "robot.json", robot_file(robot, recording, servos, config.dataset))
    write_randomization(run.folder / "randomization.toml", servos, robot.name, Path(config.dataset).name)
    run.write_metrics(figures(servos, judgement, split, recording, config.seed))
    return Identification(
        *(config, run.folder, run.metrics, robot, recording, split, servos, judgement, typical, replays)
    )


def _typical(judgement: Judgement, held_out: tuple[Log, ...]) -> Log:
    """Return the held-out episode with median error."""
    error = judgement.after.square.sum(1) / judgement.after.count
    return held_out[int(np.argsort(error)[len(error) // 2])]
