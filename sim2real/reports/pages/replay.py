# pyright: reportArgumentType=false
"""Output of a replay: films, plots, pictures and the report page, or recordings for the viewer."""

from pathlib import Path

from sim2real.identification.models import arm_of
from sim2real.progress import Stages, no_stages
from sim2real.recordings.footage import recorded_frames
from sim2real.replays.replay import ReplayResult, episode_name
from sim2real.reports.films.logs import film_exact, film_log
from sim2real.reports.films.replay import film_replay, worst_sheet
from sim2real.reports.films.video import write_image
from sim2real.reports.page import Report
from sim2real.reports.pages.playback import playback_page, playback_plot
from sim2real.reports.pages.policy_replay import replay_page, replay_plot
from sim2real.reports.pages.simulated_replay import exact_page, joints_plot, log_page, state_plot
from sim2real.reports.plots.charts import write_plot
from sim2real.reports.viewer import absent_cameras, write_recording
from sim2real.robots import find_robot

Notes = dict[int, str]
"""Notes on an episode's pictures, by the episode's index."""


def write_replay_report(result: ReplayResult, command: str, stages: Stages = no_stages) -> Notes:
    """Write films, plots, pictures and report.html into the run's folder, or recordings for the viewer.

    Args:
        result: the replay; without a folder nothing is written.
        command: the command line, for the page.

    Raises:
        InputError: Rerun is not installed.
        OSError: a file cannot be written.
    """
    folder = result.folder
    if folder is None:
        return {}
    if result.config.on == "viewer":
        return _write_recordings(result, folder, stages)
    if result.on_robot is not None:
        page, notes = _playback(result, folder), {}
    elif result.logs:
        page, notes = _logs(result, folder, stages)
    elif result.exact:
        page, notes = _exact(result, folder, stages)
    else:
        page, notes = _through_policy(result, folder, stages)
    if page is not None:
        config = result.config
        facts = {"checkpoint": config.checkpoint} if config.on == "policy" else {}
        servos = {"robot": config.robot} if config.on == "sim" and config.robot else {}
        page.provenance(command, **facts, dataset=config.dataset, **servos).write(folder / "report.html")
    return notes


def _name(result: ReplayResult) -> str:
    return Path(result.config.dataset).name


def _through_policy(result: ReplayResult, folder: Path, stages: Stages) -> tuple[Report, Notes]:
    worst, films = result.config.worst, []
    for replay in result.through_policy:
        name = episode_name(replay.episode)
        films.append(f"{name}.mp4")
        film_replay(replay, folder / films[-1], stages(f"film of episode {replay.episode}"))
        write_plot(folder / f"{name}.png", replay_plot(replay, worst))
        write_image(folder / f"{name}-worst.png", worst_sheet(replay, worst))
    return replay_page(f"Replay of {_name(result)} through a policy", result.through_policy, films, worst), {}


def _logs(result: ReplayResult, folder: Path, stages: Stages) -> tuple[Report, Notes]:
    films, notes = [], {}
    for replay, k in zip(result.logs, result.places, strict=True):
        name = episode_name(replay.episode)
        frames = recorded_frames(result.dataset, k)
        if isinstance(frames, str):
            notes[replay.episode] = f"{frames}; the film shows the simulation and a drawing of the logged posture"
        films.append(f"{name}.mp4")
        arm = arm_of(find_robot(replay.robot))
        film_log(folder / films[-1], arm, replay, frames, stages(f"film of episode {replay.episode}"))
        write_plot(folder / f"{name}.png", joints_plot(replay))
    return log_page(f"{_name(result)} in simulation", result.logs, films, notes), notes


def _exact(result: ReplayResult, folder: Path, stages: Stages) -> tuple[Report, Notes]:
    films, notes = [], {}
    for replay, k in zip(result.exact, result.places, strict=True):
        name = episode_name(replay.episode)
        report = stages(f"film of episode {replay.episode}")
        films.append(f"{name}.mp4" if film_exact(folder / f"{name}.mp4", result.dataset, k, report) else "")
        write_plot(folder / f"{name}.png", state_plot(replay))
        if replay.changed:
            notes[replay.episode] = replay.changed
    return exact_page(f"{_name(result)}, simulated again", result.exact, films), notes


def _playback(result: ReplayResult, folder: Path) -> Report | None:
    """Return the page; None if the robot did not reach the first command."""
    replay = result.on_robot
    if replay is None or replay.played is None or not replay.tracking:
        return None
    write_plot(folder / f"{episode_name(replay.log.index)}.png", playback_plot(replay, replay.played))
    return playback_page(f"{_name(result)} on {replay.moved}", replay, replay.played)


def _write_recordings(result: ReplayResult, folder: Path, stages: Stages) -> Notes:
    notes = {}
    replays = result.through_policy or [None] * len(result.places)
    for episode, k, replay in zip(result.episodes, result.places, replays, strict=True):
        path = folder / f"{episode_name(episode)}.rrd"
        write_recording(path, result.dataset, k, replay, stages(f"episode {episode}"))
        absent = "; ".join(dict.fromkeys(absent_cameras(result.dataset, k).values()))
        if absent:
            notes[episode] = f"{absent}; everything else is shown"
    return notes
