"""`sim2real replay`: recorded episodes beside what a policy would have done, as films or in a viewer."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from launch.checkpoints import policy_folder
from launch.console import reporting, say, typed_command
from launch.tables import print_table
from policies import load_policy
from sim2real.datasets import EpisodeDataset
from sim2real.frames import SMOOTHING
from sim2real.offline import plain
from sim2real.pages import gain_line, metric_table, replay_page, replay_plot, skipped_line, smoothing_line, worst_table
from sim2real.replay import Replay, film_replay, place, replay_episode, worst_sheet
from sim2real.runs import Run, start_run
from sim2real.video import write_image
from sim2real.viewer import open_viewer, rerun, write_recording

ALIKE = "frames of one episode are not independent"


@dataclass(frozen=True)
class ReplayConfig:
    """What `sim2real replay` does.

    Attributes:
        dataset: a LeRobot v3.0 dataset.
        episode: index, or several: 0,3,8.
        on: policy: film the policy's steering beside the driver's; viewer: write Rerun recordings (.rrd).
        checkpoint: a policy's folder, or the run that made it; the viewer shows its predictions where it is given.
        smooth: s to either side over which the driver's commands are averaged.
        worst: how many of the worst frames to show.
        open: start the viewer.
    """

    dataset: Annotated[str, tyro.conf.arg(metavar="DATASET")]
    episode: str = "0"
    on: Literal["policy", "viewer"] = "policy"
    checkpoint: Path | None = None
    smooth: float = SMOOTHING
    worst: int = 12
    open: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d+(,\d+)*", self.episode.replace(" ", "")):
            raise ValueError(f"episode must be an index or several, as 0,3,8, not {self.episode!r}")
        if not 0 <= self.smooth < float("inf"):
            raise ValueError(f"smooth must be 0 or more seconds, not {self.smooth}")
        if self.worst < 1:
            raise ValueError(f"worst must be at least 1, not {self.worst}")
        if self.on == "policy" and self.checkpoint is None:
            raise ValueError("to replay on a policy, name it: --checkpoint FOLDER")
        if self.open and self.on != "viewer":
            raise ValueError("--open starts the viewer: add --on viewer")

    @property
    def episodes(self) -> list[int]:
        """Indices, each once."""
        return list(dict.fromkeys(int(part) for part in self.episode.split(",")))

    @property
    def task(self) -> str:
        """Names the run's folder."""
        return Path(self.dataset.partition("[")[0]).resolve().name


def replay(
    config: Annotated[ReplayConfig, tyro.conf.arg(name="")],
    out: Annotated[Path | None, tyro.conf.arg(help="folder of the run")] = None,
) -> None:
    """Take recorded episodes through a policy, or show them in Rerun's viewer.

    Example: sim2real replay datasets/track_2 --episode 3 --on policy --checkpoint runs/policy

    On a policy: a film with both steering commands drawn, a plot over time, the worst frames, report.html.
    """
    if config.on == "viewer":
        rerun()
    policy = None if config.checkpoint is None else load_policy(policy_folder(config.checkpoint))
    dataset = EpisodeDataset.open(config.dataset)
    places = [place(dataset, index) for index in config.episodes]
    replays: list[Replay] = []
    if policy is not None:
        with reporting() as stage:
            report = stage("read")
            for done, index in enumerate(config.episodes, start=1):
                replays.append(replay_episode(dataset, index, policy, config.smooth))
                report(done, len(places), {})
    run, config = start_run("replay", config, out, resume=False)
    if config.on == "viewer":
        _to_viewer(run, dataset, places, replays, config.open)
    else:
        _to_films(run, config, replays)
    say(f"run: {run.folder}")


def _to_films(run: Run, config: ReplayConfig, replays: list[Replay]) -> None:
    films = []
    for one in replays:
        name = f"episode-{one.episode:03d}"
        films.append(f"{name}.mp4")
        with reporting() as stage:
            report = stage(f"film of episode {one.episode}")
            film_replay(one, run.folder / films[-1], lambda done, total, report=report: report(done, total, {}))
        replay_plot(one, config.worst).savefig(run.folder / f"{name}.png", dpi=120)
        write_image(run.folder / f"{name}-worst.png", worst_sheet(one, config.worst))
        left_out = f"; left out: {skipped_line(one.skipped)}" if one.skipped else ""
        say(f"episode {one.episode}: {len(one.row)} frames{left_out}; {smoothing_line(one.smoothing, one.fps)}")
        print_table(*worst_table(one, config.worst), title="frames that differ most after the gain")
        say(f"after gain: {gain_line(*one.gain)}")
        say(f"film: {run.folder / films[-1]}")
    metrics = {f"episode {one.episode}": one.metrics for one in replays}
    print_table(*metric_table(metrics), title=f"\n{replays[0].action}, without intervals: {ALIKE}")
    episodes = {
        str(one.episode): {
            "frames": len(one.row),
            "skipped": one.skipped,
            "gain": dict(zip(("gain", "offset"), one.gain, strict=True)),
            **plain(one.metrics),
        }
        for one in replays
    }
    name = config.checkpoint.resolve().name if config.checkpoint else "policy"
    page = replay_page(f"{name} on {Path(config.dataset).name}", replays, films, config.worst)
    page.provenance(typed_command(), checkpoint=config.checkpoint, dataset=config.dataset)
    page.write(run.folder / "report.html")
    run.write_metrics({"finished": True, "smoothing": config.smooth, "replayed": episodes})
    say(f"report: {run.folder / 'report.html'}")


def _to_viewer(run: Run, dataset: EpisodeDataset, places: list[int], replays: list[Replay], show: bool) -> None:
    paths = []
    for k, one in zip(places, replays or [None] * len(places), strict=True):
        paths.append(run.folder / f"episode-{dataset.indices[k]:03d}.rrd")
        with reporting() as stage:
            report = stage(f"episode {dataset.indices[k]}")
            write_recording(paths[-1], dataset, k, one, lambda done, total, report=report: report(done, total, {}))
        say(f"recording: {paths[-1]}")
    run.write_metrics({"finished": True, "recordings": [path.name for path in paths]})
    if show:
        open_viewer(paths)
    else:
        say(f"open it with: {shlex.join(['rerun', *map(str, paths)])}")
