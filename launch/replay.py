"""`sim2real replay`: recorded episodes once more: through a policy, in simulation, on a robot, or in a viewer."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from launch.console import print_table, reporting, say, typed_command
from sim2real.checkpoints import load_policy, policy_folder
from sim2real.datasets import EpisodeDataset
from sim2real.errors import InputError
from sim2real.evaluation.offline import plain
from sim2real.recordings.footage import NoFootageError
from sim2real.recordings.frames import check_smoothing
from sim2real.replays.replay import Replay, place, replay_episode
from sim2real.reports.films.replay import film_replay, worst_sheet
from sim2real.reports.films.video import write_image
from sim2real.reports.lines import skipped_line, smoothing_line
from sim2real.reports.pages.replay import agreement_table, gains_line, replay_page, replay_plot, worst_table
from sim2real.reports.viewer import absent_cameras, open_viewer, rerun, write_recording
from sim2real.runs import Run, start_run

ALIKE = "frames of one episode are not independent"
OWN = {"checkpoint": ("policy", "viewer"), "robot": ("sim", "robot"), "open": ("viewer",),
       "move": ("robot", "rehearsal"), "speed": ("robot", "rehearsal"), "port": ("robot",), "camera": ("robot",),
       "calibration": ("robot",), "real_time": ("rehearsal",)}  # fmt: skip


@dataclass(frozen=True)
class ReplayConfig:
    """What `sim2real replay` does.

    Attributes:
        dataset: a LeRobot v3.0 dataset.
        episode: index, or several: 0,3,8.
        on: policy: what a policy would have done; sim: the same commands in simulation; robot: on the robot itself;
            rehearsal: on the stand-in for one; viewer: write Rerun recordings (.rrd).
        checkpoint: a policy's folder, or the run that made it; the viewer shows its predictions where it is given.
        robot: in simulation, the robot.json of a `sim2real identify` run, whose servos are simulated in place of the
            model's own; on a robot, its driver in place of the recording's (loopback, which is none, to try it out).
        smooth: s to either side over which recorded actions are averaged; None: as the policy's task has it.
        worst: how many of the worst frames to show.
        open: start the viewer.
        move: let the robot move; without, say what it would do.
        speed: rad/s that no joint of a robot may exceed.
        port: serial port of the robot's servos.
        camera: of the robot: its number, or what OpenCV opens by name.
        calibration: LeRobot's calibration file of this very robot.
        real_time: keep the rehearsal robot to its control rate.
    """

    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    episode: str = "0"
    on: Literal["policy", "sim", "robot", "rehearsal", "viewer"] = "policy"
    checkpoint: Path | None = None
    robot: str | None = None
    smooth: float | None = None
    worst: int = 12
    open: bool = False
    move: bool = False
    speed: float | None = None
    port: str | None = None
    camera: str | None = None
    calibration: Path | None = None
    real_time: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d+(,\d+)*", self.episode.replace(" ", "")):
            raise InputError(f"episode must be an index or several, as 0,3,8, not {self.episode!r}")
        check_smoothing(self.smooth)
        if self.worst < 1:
            raise InputError(f"worst must be at least 1, not {self.worst}")
        if self.on == "policy" and self.checkpoint is None:
            raise InputError("to replay on a policy, name it: --checkpoint FOLDER")
        if self.speed is not None and not 0 < self.speed < float("inf"):
            raise InputError(f"speed must be positive, not {self.speed}")
        for name, where in OWN.items():
            if getattr(self, name) not in (None, False) and self.on not in where:
                raise InputError(f"--{name.replace('_', '-')} is for --on {' or '.join(where)}, not for --on {self.on}")

    @property
    def episodes(self) -> list[int]:
        """Indices, each once."""
        return list(dict.fromkeys(int(part) for part in self.episode.split(",")))

    @property
    def task(self) -> str:
        """Names the run's folder."""
        return Path(self.dataset.partition("[")[0]).resolve().name


def command(
    config: Annotated[ReplayConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Replay recorded episodes: through a policy, in simulation, on a robot, or in Rerun's viewer.

    Example: sim2real replay datasets/track_2 --episode 3 --on policy --checkpoint runs/policy

    On a policy: what it would have done at every frame, as a film, a plot, the worst frames, report.html. In
    simulation: how far the model leaves the log, joint by joint; an episode that was recorded in simulation is
    reproduced bit for bit. On a robot (with --move): eased in, limited, with pause (space) and stop (q).
    """
    dataset = EpisodeDataset.open(config.dataset)
    places = [place(dataset, index) for index in config.episodes]
    if config.on == "sim":
        from launch.replay_sim import replay_in_simulation

        replay_in_simulation(config, dataset, places, out)
        return
    if config.on in ("robot", "rehearsal"):
        from launch.replay_robot import replay_on_robot

        replay_on_robot(config, dataset, out)
        return
    if config.on == "viewer":
        rerun()
    replays = _through_policy(config, dataset)
    run, config = start_run("replay", config, out, resume=False)
    if config.on == "viewer":
        _to_viewer(run, dataset, places, replays, config.open)
    else:
        _to_films(run, config, replays)
    say(f"run: {run.folder}")


def _through_policy(config: ReplayConfig, dataset: EpisodeDataset) -> list[Replay]:
    """None without a policy; nor for the viewer, which shows the rest, where there are no frames."""
    if config.checkpoint is None:
        return []
    policy, replays = load_policy(policy_folder(config.checkpoint)), []
    with reporting() as stage:
        report = stage("read")
        for done, index in enumerate(config.episodes, start=1):
            try:
                replays.append(replay_episode(dataset, index, policy, config.smooth))
            except NoFootageError:
                if config.on != "viewer":
                    raise
                return []
            report(done, len(config.episodes))
    return replays


def _to_films(run: Run, config: ReplayConfig, replays: list[Replay]) -> None:
    films = []
    for one in replays:
        name = f"episode-{one.episode:03d}"
        films.append(f"{name}.mp4")
        with reporting() as stage:
            report = stage(f"film of episode {one.episode}")
            film_replay(one, run.folder / films[-1], report)
        replay_plot(one, config.worst).savefig(run.folder / f"{name}.png", dpi=120)
        write_image(run.folder / f"{name}-worst.png", worst_sheet(one, config.worst))
        left_out = f"; left out: {skipped_line(one.skipped)}" if one.skipped else ""
        say(f"episode {one.episode}: {len(one.row)} frames{left_out}; {smoothing_line(one.smoothing, one.fps)}")
        print_table(*worst_table(one, config.worst), title="frames that differ most after the gain")
        say(gains_line(one))
        say(f"film: {run.folder / films[-1]}")
    print_table(*agreement_table(replays), title=f"\n{replays[0].action}, without intervals: {ALIKE}")
    name = config.checkpoint.resolve().name if config.checkpoint else "policy"
    page = replay_page(f"{name} on {Path(config.dataset).name}", replays, films, config.worst)
    page.provenance(typed_command(), checkpoint=config.checkpoint, dataset=config.dataset)
    page.write(run.folder / "report.html")
    replayed = {str(one.episode): _metrics(one) for one in replays}
    run.write_metrics({"finished": True, "smoothing": replays[0].smoothing, "replayed": replayed})
    say(f"report: {run.folder / 'report.html'}")


def _metrics(one: Replay) -> dict[str, object]:
    each = {
        track.action: {"gain": dict(zip(("gain", "offset"), track.gain, strict=True)), **plain(track.metrics)}
        for track in one.tracks
    }
    further = {"actions": each} if len(each) > 1 else {"gain": each[one.action]["gain"]}
    return {"frames": len(one.row), "skipped": one.skipped, **further, **plain(one.metrics)}


def _to_viewer(run: Run, dataset: EpisodeDataset, places: list[int], replays: list[Replay], show: bool) -> None:
    paths = []
    for k, one in zip(places, replays or [None] * len(places), strict=True):
        paths.append(run.folder / f"episode-{dataset.indices[k]:03d}.rrd")
        with reporting() as stage:
            report = stage(f"episode {dataset.indices[k]}")
            write_recording(paths[-1], dataset, k, one, report)
        absent = "; ".join(dict.fromkeys(absent_cameras(dataset, k).values()))
        if absent:
            say(f"note: {absent}; the rest is shown")
        say(f"recording: {paths[-1]}")
    run.write_metrics({"finished": True, "recordings": [path.name for path in paths]})
    if show:
        open_viewer(paths)
    else:
        say(f"open it with: {shlex.join(['rerun', *map(str, paths)])}")
