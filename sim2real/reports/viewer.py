"""Recorded episodes as Rerun recordings (.rrd): images, actions and predictions on a timeline."""

import importlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sim2real.datasets import DatasetError, Episode, EpisodeDataset
from sim2real.errors import InputError
from sim2real.files import write_file
from sim2real.progress import Progress, silent
from sim2real.recordings.footage import why_missing
from sim2real.replays.policy_replay import PolicyReplay

DRIVER, AS_GIVEN, MEASURED, POLICY = (11, 106, 168), (154, 161, 171), (0, 135, 95), (213, 94, 0)
RECORDED = {"action": ("actions", "recorded", AS_GIVEN), "observation.state": ("state", "measured", MEASURED)}


def rerun() -> Any:
    """Return Rerun's SDK; raises InputError that says how to install it.

    It is an optional extra because of its size.
    """
    try:
        return importlib.import_module("rerun")
    except ImportError:
        raise InputError("the viewer needs Rerun, which is not installed: pip install 'sim2real[viewer]'") from None


def write_recording(
    path: Path,
    dataset: EpisodeDataset,
    k: int,
    replay: PolicyReplay | None = None,
    progress: Progress = silent,
) -> int:
    """Write the k-th selected episode of a dataset for Rerun's viewer; returns the number of frames.

    Timelines are `frame` (index in the episode) and `time` [s]. The file has all recorded cameras, actions and states;
    with a replay also the averaged actions and the policy's, in [-1, 1]. Cameras whose frames cannot be read are left
    out, see `absent_cameras`. The file appears only when it is complete.

    Raises:
        InputError: Rerun is not installed.
        DatasetError: the episode is damaged.
        OSError: the file cannot be written.
    """
    rr = rerun()
    episode, absent = dataset.episode(k), absent_cameras(dataset, k)
    stream = rr.RecordingStream("sim2real", recording_id=f"{dataset.root.resolve().name}-{episode.index}")
    # Through memory: on a full disk, Rerun would wait forever.
    memory = stream.memory_recording()
    cameras = [camera for camera in dataset.cameras if camera not in absent]
    stream.send_blueprint(_blueprint(rr, dataset, cameras, replay))
    _log_columns(rr, stream, dataset, episode, replay)
    for row in range(len(episode)):
        stream.set_time("frame", sequence=row)
        stream.set_time("time", duration=float(episode["timestamp"].reshape(-1)[row]))
        for camera in cameras:
            image = _image(rr, episode, camera, row)
            if image is not None:
                stream.log(f"cameras/{camera.rpartition('.')[2]}", image)
        progress(row + 1, len(episode))
    write_file(path, memory.drain_as_bytes())
    return len(episode)


def absent_cameras(dataset: EpisodeDataset, k: int) -> dict[str, str]:
    """Return the cameras of the k-th selected episode whose frames cannot be read, each with the reason."""
    absent, episode = {}, dataset.episode(k)
    for camera in dataset.cameras:
        try:
            if dataset.features[camera].dtype == "video":
                episode.images(camera, np.array([0]))
        except (OSError, DatasetError) as error:
            absent[camera] = why_missing(dataset, episode, camera, error)
    return absent


def open_viewer(paths: Sequence[Path]) -> None:
    """Start Rerun's viewer with recordings and leave it running; raises InputError if Rerun is not installed."""
    rerun()
    command = [sys.executable, "-m", "rerun", *map(str, paths)]
    subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def _log_columns(rr: Any, stream: Any, dataset: EpisodeDataset, episode: Episode, replay: PolicyReplay | None) -> None:
    rows, seconds = np.arange(len(episode)), episode["timestamp"].reshape(-1).astype(np.float64)
    for feature, (folder, name, colour) in RECORDED.items():
        for component, column in _columns(dataset, episode, feature):
            _series(rr, stream, f"{folder}/{component}/{name}", colour, rows, seconds, column)
    if replay is not None:
        for track in replay.tracks:
            where = _judged(dataset, track.action)
            _series(rr, stream, f"{where}/driver averaged", DRIVER, replay.row, replay.time, track.driver)
            _series(rr, stream, f"{where}/policy", POLICY, replay.row, replay.time, track.policy)


def _judged(dataset: EpisodeDataset, action: str) -> str:
    """Return the path of a policy's action: that of the recorded action if it has the same name and units."""
    return f"{'actions' if action in _names(dataset, 'action') else 'policy actions'}/{action}"


def _names(dataset: EpisodeDataset, feature: str) -> tuple[str, ...]:
    return dataset.features[feature].names or () if feature in dataset.features else ()


def _columns(dataset: EpisodeDataset, episode: Episode, feature: str) -> list[tuple[str, np.ndarray]]:
    """Return name and values (n,) of each component."""
    if feature not in episode.columns:
        return []
    values = episode[feature].reshape(len(episode), -1)
    names = dataset.features[feature].names or [str(j) for j in range(values.shape[1])]
    return list(zip(names, values.T, strict=True))


def _series(
    rr: Any,
    stream: Any,
    entity: str,
    colour: tuple[int, int, int],
    rows: np.ndarray,
    seconds: np.ndarray,
    values: np.ndarray,
) -> None:
    path = rr.new_entity_path(entity.split("/"))  # names may hold spaces, which must be escaped in a path
    stream.log(path, rr.SeriesLines(colors=[colour], names=[entity.rpartition("/")[2]]), static=True)
    times = [rr.TimeColumn("frame", sequence=rows), rr.TimeColumn("time", duration=seconds)]
    stream.send_columns(path, times, rr.Scalars.columns(scalars=values.astype(np.float64)))


def _image(rr: Any, episode: Episode, camera: str, row: int) -> Any:
    """Return a frame, as its recorded file if there is one; None if it is damaged."""
    try:
        data = episode.encoded(camera, row)
    except InputError:  # a video
        frame = episode.images(camera, np.array([row]))[0]
        data = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    if not data:
        return None
    return rr.EncodedImage(contents=data, media_type="image/png" if data[:4] == b"\x89PNG" else "image/jpeg")


def _blueprint(rr: Any, dataset: EpisodeDataset, cameras: Sequence[str], replay: PolicyReplay | None) -> Any:
    """Return the layout: cameras on the left, then a plot per action with its state, then the policy's actions."""
    views = importlib.import_module("rerun.blueprint")
    seen = [views.Spatial2DView(origin=f"cameras/{c.rpartition('.')[2]}") for c in cameras]
    states, plots = _names(dataset, "observation.state"), []
    for name in _names(dataset, "action"):
        paths = [["actions", name], *([["state", name]] if name in states else [])]
        contents = [f"{rr.new_entity_path(path)}/**" for path in paths]
        plots.append(views.TimeSeriesView(origin="/", contents=contents, name=name))
    places = [_judged(dataset, track.action) for track in replay.tracks] if replay is not None else []
    further = [place for place in places if not place.startswith("actions/")]
    judged = [views.TimeSeriesView(origin=rr.new_entity_path(p.split("/")), name=f"policy: {p.rpartition('/')[2]}")
              for p in further]  # fmt: skip
    columns = [views.Vertical(*column) for column in (seen, plots, judged) if column]
    return views.Blueprint(views.Horizontal(*columns), collapse_panels=True)
