"""Replay of recorded episodes: through a policy, in simulation, on a robot, or in a viewer."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim2real.checkpoints import load_policy, policy_folder
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.identification.models import arm_of
from sim2real.identification.robot_file import read_servos
from sim2real.identification.simulation import Replayer
from sim2real.progress import Stages, no_stages
from sim2real.recordings.footage import NoFootageError
from sim2real.recordings.origin import Origin
from sim2real.replays.config import ReplayConfig
from sim2real.replays.exact_replay import ExactReplay, replay_exactly
from sim2real.replays.log_replay import AHEAD, LogReplay, read_logs, replay_log
from sim2real.replays.policy_replay import PolicyReplay, position_of, replay_episode
from sim2real.replays.robot_replay import RobotReplay, replay_on_robot
from sim2real.robots.supervisor import Supervisor
from sim2real.runs import start_run


@dataclass(frozen=True)
class ReplayResult:
    """Replayed episodes; at most one of the last four fields is not empty.

    Attributes:
        config: settings of the replay.
        dataset: the recording.
        places: positions of the episodes among those selected in the dataset.
        folder: folder of the run; None if a robot was not allowed to move.
        metrics: content of its `metrics.json`; empty without a run.
        assumed: joints with too few values to infer their unit, for which the model's range is assumed.
        through_policy: replays through a policy.
        logs: replays of an arm's logs in simulation.
        exact: exact replays of episodes recorded in simulation.
        on_robot: replay of an episode's commands on a robot.
    """

    config: ReplayConfig
    dataset: EpisodeDataset
    places: tuple[int, ...]
    folder: Path | None = None
    metrics: Mapping[str, Any] = field(default_factory=dict)
    assumed: tuple[str, ...] = ()
    through_policy: tuple[PolicyReplay, ...] = ()
    logs: tuple[LogReplay, ...] = ()
    exact: tuple[ExactReplay, ...] = ()
    on_robot: RobotReplay | None = None

    @property
    def episodes(self) -> list[int]:
        """Return the episodes' indices in the dataset."""
        return [int(self.dataset.indices[k]) for k in self.places]

    @property
    def passed(self) -> bool:
        """Return whether exact replays reproduced the recording, and a robot reached the end."""
        played = self.on_robot.played if self.on_robot is not None else None
        return all(replay.passed for replay in self.exact) and not (played is not None and played.reason)


def replay(
    config: ReplayConfig,
    out: Path | None = None,
    stages: Stages = no_stages,
    supervisor: Supervisor = Supervisor(),  # frozen
) -> ReplayResult:
    """Replay recorded episodes in a new run, with config.json and metrics.json.

    Args:
        out: folder of the run; None: a new one under `runs/`.
        supervisor: the person beside a robot.

    Raises:
        InputError: no such dataset, episode, policy or robot, or a recording that does not fit; nothing is written.
    """
    dataset = EpisodeDataset.open(config.dataset)
    places = tuple(position_of(dataset, index) for index in config.episodes)
    if config.on in ("robot", "rehearsal"):
        run, on_robot = replay_on_robot(config, dataset, out, stages, supervisor)
        if run is None:
            return ReplayResult(config, dataset, places, on_robot=on_robot)
        return ReplayResult(config, dataset, places, run.folder, run.metrics, on_robot=on_robot)
    if config.on == "sim" and Origin.read(dataset.root) is None:
        replays, figures = _logs_in_simulation(config, dataset, stages)
    elif config.on == "sim":
        replays, figures = _simulate_again(config, dataset, places, stages)
    else:
        replays, figures = _through_policy(config, dataset, stages)
    run, config = start_run("replay", config, out, resume=False)
    if config.on == "viewer":
        figures = {"recordings": [f"{episode_name(index)}.rrd" for index in config.episodes]}
    run.write_metrics({"finished": True, **figures})
    return ReplayResult(config, dataset, places, run.folder, run.metrics, **replays)


def episode_name(index: int) -> str:
    """Return the name of an episode's files, without suffix."""
    return f"episode-{index:03d}"


Replays = dict[str, Any]
"""Fields of a ReplayResult."""


def _through_policy(config: ReplayConfig, dataset: EpisodeDataset, stages: Stages) -> tuple[Replays, dict[str, Any]]:
    """Run a policy on the episodes.

    Returns nothing without a policy, or for the viewer if there are no frames; it then shows everything else.
    """
    if config.checkpoint is None:
        return {}, {}
    policy = load_policy(policy_folder(config.checkpoint))
    report, replays = stages("read"), []
    for done, index in enumerate(config.episodes, start=1):
        try:
            replays.append(replay_episode(dataset, index, policy, config.smooth))
        except NoFootageError:
            if config.on != "viewer":
                raise
            return {}, {}
        report(done, len(config.episodes))
    return {"through_policy": tuple(replays)}, {
        "smoothing": replays[0].smoothing,
        "replayed": {str(replay.episode): replay.figures for replay in replays},
    }


def _logs_in_simulation(
    config: ReplayConfig, dataset: EpisodeDataset, stages: Stages
) -> tuple[Replays, dict[str, Any]]:
    robot, recording, logs = read_logs(dataset, config.episodes)
    replayer = Replayer(arm_of(robot), recording.fps)
    servos: tuple[Any, ...] = ()
    if config.robot is not None:
        path = Path(config.robot)
        servos = read_servos(path, robot.name, replayer), f"the servos of {Path(*path.parts[-2:])}"
    report, replays = stages("simulate"), []
    for done, log in enumerate(logs, start=1):
        replays.append(replay_log(log, replayer, recording.fps, *servos))
        report(done, len(logs), {"RMSE": replays[-1].overall["rmse"] or 0.0})
    return {"logs": tuple(replays), "assumed": tuple(recording.units.assumed)}, {
        "servos": replays[0].servos,
        "ahead_seconds": AHEAD,
        "replayed": {str(replay.episode): replay.figures for replay in replays},
    }


def _simulate_again(
    config: ReplayConfig, dataset: EpisodeDataset, places: tuple[int, ...], stages: Stages
) -> tuple[Replays, dict[str, Any]]:
    if config.robot is not None:
        raise InputError("--robot is for logs of real robots: this one was recorded in simulation, with its own servos")
    replays = tuple(replay_exactly(dataset, k, progress=stages(f"episode {dataset.indices[k]}")) for k in places)
    return {"exact": replays}, {
        "identical": all(bool(replay.same.all()) for replay in replays),
        "replayed": {str(replay.episode): replay.figures for replay in replays},
    }
