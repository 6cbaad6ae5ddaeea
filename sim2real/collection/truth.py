"""What is true of a recorded layout: track, camera, car, and where the car was at every frame.

It lies in `truth/` beside the dataset's own folders, which no reader of the dataset opens, for judging what is rebuilt
from the recording alone.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from envs import BatchEnv, LaneFollow
from envs.lane_follow.scene import camera_angles
from envs.lane_follow.task import WHEELBASE
from sim2real.datasets.files import write_tables
from sim2real.errors import InputError
from sim2real.files import write_json

FOLDER = "truth"
FORMAT_VERSION = 1
COLUMNS = ("x", "y", "yaw", "shown_x", "shown_y", "shown_yaw")


class Truth:
    """Notes where the cars of a layout are while they are driven, and writes it beside the recording.

    Args:
        env: worlds of one layout.
        camera: name of the camera whose frames are recorded.

    Raises:
        InputError: a task without a track.
    """

    def __init__(self, env: BatchEnv, camera: str) -> None:
        if not isinstance(env.task, LaneFollow):
            raise InputError(f"{env.task.spec.name} has no layouts: every episode draws its own world")
        self._env, self._task, self._camera = env, env.task, camera
        self._poses: list[np.ndarray] = []
        self._shown: list[np.ndarray] = []
        self._last: np.ndarray | None = None
        self._rows: list[np.ndarray] = []

    @property
    def _latency(self) -> int:
        return round(self._env.episode_parameters(0).get("sensor.latency/sensor", 0))

    def begin(self) -> None:
        """Forget the poses of the episodes before."""
        self._poses, self._shown, self._last = [], [], None

    def note(self, images: np.ndarray) -> None:
        """Note the poses of all cars at a frame, and those that its images (n, H, W, 3) show.

        A frame that equals the one before it was lost, since the sensor's noise makes all others differ.
        """
        n = len(images)
        self._poses.append(self._task.poses)
        shown = np.full(n, max(len(self._poses) - 1 - self._latency, 0))
        if self._last is not None:
            again = (images == self._last).reshape(n, -1).all(1)
            shown = np.where(again, self._shown[-1], shown)
        self._shown.append(shown)
        self._last = images.copy()

    def keep(self, world: int, episode: int, length: int) -> None:
        """Keep what was noted of one world's first frames as an episode of the dataset."""
        poses = np.array([each[world] for each in self._poses])
        shown = poses[[each[world] for each in self._shown[:length]]]
        index = np.column_stack([np.full(length, episode), np.arange(length)])
        self._rows.append(np.column_stack([index, poses[:length], shown]))

    def write(self, dataset: Path, layout: int) -> None:
        """Write `poses.parquet`, `track.json` and `camera.json`; raises OSError.

        Of poses there are the car's at the time of the frame (x, y [m], yaw [rad]; the car's middle on the ground), and
        the one that the frame shows, which is older by the camera's delay.
        """
        rows = np.concatenate(self._rows)
        numbers = {name: rows[:, k].astype(np.int64) for k, name in enumerate(("episode_index", "frame_index"))}
        folder = dataset / FOLDER
        folder.mkdir()
        poses = {name: rows[:, k + 2] for k, name in enumerate(COLUMNS)}
        write_tables(folder / "poses.parquet", [pa.table(numbers | poses)])
        write_json(folder / "camera.json", self._env.lens(self._camera, 0).to_dict())
        write_json(folder / "track.json", {"format_version": FORMAT_VERSION, "layout": layout, **self._world()})

    def _world(self) -> dict[str, Any]:
        """Return the track, the camera's mounting and the car as numbers for JSON."""
        line, config = self._task.tracks[0], self._task.config.track
        drawn = self._env.episode_parameters(0)
        return {
            "line": {
                "points": line.points.tolist(),
                "heading": line.heading.tolist(),
                "curvature": line.curvature.tolist(),
                "length": line.length,
                "width": config.road_width,
            },
            "mount": self._mount(),
            "car": self._car(drawn),
            "drawn": drawn,
        }

    def _mount(self) -> dict[str, float]:
        """Return where the camera is, from the car's middle on the ground [m], and where it looks [rad]."""
        number = self._task.model.camera(self._camera).id
        x, y, z = (float(each) for each in self._env.batch.expand("cam_pos")[0, number])
        pitch, yaw, roll = camera_angles(self._env.batch.expand("cam_quat")[0, number])
        return {"ahead": x, "aside": y, "height": z, "pitch": pitch, "yaw": yaw, "roll": roll}

    def _car(self, drawn: dict[str, float]) -> dict[str, float]:
        """Return what a car does for its commands that neither slips nor tilts.

        Curvature [1/m] is positive to the left; per unit of steering it is that of small commands. The delay [s] is
        from the frame to the wheels' command; the camera's delay is in it.
        """
        car = {name: float(value[0, 0]) for name, value in self._task.parameters.items()}
        camera = self._latency * self._task.spec.control_dt
        motors = float(np.max([value for name, value in drawn.items() if name.startswith("actuator_delay")]))
        return {
            "curvature_per_steering": -car["steer_max"] / WHEELBASE,
            "curvature_offset": -car["steer_trim"] / WHEELBASE,
            "speed_per_throttle": car["top_speed"],
            "delay": motors + camera,
            "delay_of_motors": motors,
            "delay_of_camera": camera,
            "slack": car["slack"],
            "wheelbase": WHEELBASE,
        }
