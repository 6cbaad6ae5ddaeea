# pyright: reportAttributeAccessIssue=false
"""LaneFollow: a small car with a wide-angle camera keeps to the road of a printed track."""

import copy
from dataclasses import dataclass, replace
from functools import lru_cache

import mujoco
import numpy as np
from mujoco.batch import Batch

from envs.errors import InputError
from envs.lane_follow.dressing import Dressing
from envs.lane_follow.ground import build_rebuilt_model, centred
from envs.lane_follow.looks import PRESETS
from envs.lane_follow.meshes import PRINTED, drawn_sizes
from envs.lane_follow.places import STRUCTURE, bounded
from envs.lane_follow.rebuilt import Rebuilt, read_rebuilt
from envs.lane_follow.scene import NOMINAL_CAMERA, CameraMount, build_model
from envs.lane_follow.track import Track, TrackConfig, generate_track
from envs.random import WorldRandom
from envs.task import Task, TaskSpec

NAME = "LaneFollow"
WHEEL_RADIUS = 0.033  # m, as in car.xml
PREVIEW = (0.0, 0.25, 0.5, 0.75, 1.0, 1.3, 1.6, 2.0)  # m ahead along the centre line
MAX_GAIN = 0.3  # m along the centre line in a control step: a little over 5 m/s
WHEELBASE = 0.26  # m, as in car.xml
NOMINAL = {"steer_max": 0.48, "steer_trim": 0.0, "slack": 0.01, "top_speed": 4.0}  # rad, rad, rad, m/s at throttle 1


@dataclass(frozen=True)
class LaneFollowConfig:
    """Settings of a LaneFollow world.

    Attributes:
        layouts: number of track layouts in the model; worlds differ in layout, too.
        layout_seed: seed of the first layout; disjoint seeds give unseen layouts.
        target_speed: speed with the highest reward [m/s]; drivers in the recordings drove 3.9 road widths per second.
        look_ahead: distance [m] along the centre line to the target point of the steering with the highest reward
            (pure pursuit, Coulter 1992). It determines the driving style: with 0.4 m a policy's steering correlates
            0.60 with the drivers in `track_2`, with 1.2 m 0.93 (it was chosen by that); above 1.1 m the car cuts
            corners and leaves the road.
        start_offset: maximum start distance from the centre line in road widths.
        start_heading: maximum start angle to its direction [rad].
        off_road: distance from the centre line in road widths at which an episode fails; where a barrier stands nearer,
            it fails there, since frames from beyond one show nothing of the way.
        one_world: all episodes are in one world, that of `layout_seed`: one layout, car, camera and look, as at a real
            venue. They start anywhere, in both driving directions.
        rebuilt: a track that was rebuilt from a recording, the only layout, in both driving directions; its camera is
            the recording's, and `track` has its width.
    """

    layouts: int = 48
    layout_seed: int = 0
    track: TrackConfig = TrackConfig()
    camera: CameraMount = NOMINAL_CAMERA
    episode_seconds: float = 30.0
    target_speed: float = 1.3
    look_ahead: float = 1.1
    start_offset: float = 0.25
    start_heading: float = 0.25
    off_road: float = 0.5
    one_world: bool = False
    rebuilt: Rebuilt | None = None


@dataclass(frozen=True)
class _Scene:
    """Layouts, how far aside [m] their barriers would stand, and the model with all of them."""

    tracks: tuple[Track, ...]
    asides: tuple[float, ...]
    model: mujoco.MjModel


@lru_cache(maxsize=8)  # as commands make a task many times
def _drawn(seed: int, layouts: int, track: TrackConfig, camera: CameraMount) -> _Scene:
    """Draw the layouts from a seed on."""
    tracks = tuple(generate_track(each, track) for each in range(seed, seed + layouts))
    sizes = [drawn_sizes(each, track) for each in tracks]
    asides = tuple(size.aside for size in sizes)
    return _Scene(tracks, asides, build_model(list(tracks), sizes, track, camera))


@lru_cache(maxsize=2)
def _rebuilt(rebuilt: Rebuilt, camera: CameraMount) -> _Scene:
    return _Scene((centred(rebuilt)[0],), (np.inf,), build_rebuilt_model(rebuilt, camera))


def _scene(config: LaneFollowConfig) -> _Scene:
    if config.rebuilt is not None:
        return _rebuilt(config.rebuilt, config.camera)
    return _drawn(config.layout_seed, config.layouts, config.track, config.camera)


class LaneFollow(Task):
    """Drive along the dashed centre line, like the drivers in the recordings; positive steering is right.

    The episode fails when the car's middle crosses a white edge line (in training: when it is far off the road, so
    that the policy learns to return). It succeeds if the car stays on the road for a lap, or until the time is up.
    """

    def __init__(self, config: LaneFollowConfig = LaneFollowConfig()) -> None:
        if config.layouts < 1:
            raise InputError(f"LaneFollow needs at least one layout, not {config.layouts}")
        self.config = config
        scene, rebuilt = _scene(config), config.rebuilt
        self.tracks, self.model, self._printed = list(scene.tracks), copy.copy(scene.model), np.arange(config.layouts)
        if config.one_world or rebuilt is not None:
            if config.layouts != 1:
                raise InputError(f"LaneFollow has one layout in one world, not {config.layouts}")
            self.tracks, self._printed = [self.tracks[0], self.tracks[0].reversed], np.zeros(2, int)
        if config.one_world:
            self.world_seed = config.layout_seed
        self._asides = np.array(scene.asides)[self._printed]
        self.spec = TaskSpec(
            name=NAME if rebuilt is None else f"{NAME}:{rebuilt.name}",
            control_dt=0.05,
            episode_seconds=config.episode_seconds,
            action_names=("steering", "throttle"),
            state_names=("last_steering", "last_throttle"),
            privileged_names=(
                *("offset", "sin_heading", "cos_heading", "speed"),
                *(*NOMINAL, *(f"curvature_{d:g}m" for d in PREVIEW)),
            ),
            unseen={"speed": config.target_speed, **dict.fromkeys(NOMINAL)},
            cameras={"front": config.camera.view},
            label_names=("offset", "heading", "curvature"),
            # Barriers bound the way: a corridor has an empty mask.
            mask_geoms=(*PRINTED, "tape") if rebuilt is None else ("road",),
            teachers=() if rebuilt is None else (NAME,),
            film_camera="chase",
            robot="lane-car",
            judged=("steering",),
            mirrored=("steering", "offset", "heading", "curvature"),
            scene_fields=("geom_dataid", "geom_size", "light_active"),
            presets=PRESETS,
        )
        self._points = np.stack([t.points for t in self.tracks])
        self._heading = np.stack([t.heading for t in self.tracks])
        self._curvature = np.stack([t.curvature for t in self.tracks])
        self._length = np.array([t.length for t in self.tracks])
        self._step = self._length / config.track.points
        reach = int(np.ceil(MAX_GAIN / self._step.min()))
        self._window = np.arange(-reach, reach + 1)
        self._preview = np.round(np.array(PREVIEW) / self._step[:, None]).astype(int)

    def attach(self, batch: Batch, random: WorldRandom) -> None:
        n = batch.nsim
        self._random = random
        self._qpos, self._qvel, self._ctrl = batch.bind("qpos"), batch.bind("qvel"), batch.bind("ctrl")
        self.parameters = {name: np.full((n, 1), value) for name, value in {**NOMINAL, **STRUCTURE}.items()}
        printed = self.tracks[: self.config.layouts]
        self._dressing = Dressing(
            *(self.model, batch, printed, self.config.track.road_width, self.parameters),
            printed=self.config.rebuilt is None,
        )
        self._scene = random if self.world_seed is None else WorldRandom(np.zeros(n, int))
        self.layout = np.zeros(n, int)
        self._at = np.zeros(n, int)  # nearest sample of the centre line
        self._linkage = np.zeros(n)  # rad, steering command behind the slack
        self._action, self._last_action = np.zeros((n, 2)), np.zeros((n, 2))
        self._along, self.progress = np.zeros(n), np.zeros(n)
        self.offset, self._heading_error, self._speed = np.zeros(n), np.zeros(n), np.zeros((n, 2))
        self._gained = np.zeros(n)
        self._limit = np.full(n, self.config.off_road * self.config.track.road_width)  # m from the centre line

    def reset(self, ids: np.ndarray) -> None:
        m = len(ids)
        draw = self._random.uniform(ids, 5)
        self.layout[ids] = layout = self._random.integers(ids, 1, len(self.tracks))[:, 0]
        self._at[ids] = at = (draw[:, 0] * self.config.track.points).astype(int)
        heading = self._heading[layout, at]
        offset = (2 * draw[:, 1] - 1) * self.config.start_offset * self.config.track.road_width
        yaw = heading + (2 * draw[:, 2] - 1) * self.config.start_heading
        left = np.stack([-np.sin(heading), np.cos(heading)], 1)
        self._qpos[ids, :2] = self._points[layout, at] + offset[:, None] * left
        self._qpos[ids, 3:7] = np.stack([np.cos(yaw / 2), np.zeros(m), np.zeros(m), np.sin(yaw / 2)], 1)
        speed = draw[:, 3] * self.config.target_speed
        self._qvel[ids, :2] = speed[:, None] * np.stack([np.cos(yaw), np.sin(yaw)], 1)
        self._qvel[np.ix_(ids, self._rolling)] = (speed / WHEEL_RADIUS)[:, None]
        for buffer in (self._action, self._last_action, self._linkage, self.progress, self._gained):
            buffer[ids] = 0
        if self.world_seed is not None:
            self._scene.reseed(ids, np.full(len(ids), self.world_seed))
        self._dressing.dress(ids, self._printed[layout], self._scene)
        far = self.config.off_road * self.config.track.road_width
        walled = bounded(self.parameters["place"][ids, 0])
        self._limit[ids] = np.where(walled, np.minimum(far, self._asides[layout]), far)

    @property
    def poses(self) -> np.ndarray:
        """Return (n, 3) x, y [m] and yaw [rad] of the cars' middles on the ground."""
        yaw = 2 * np.arctan2(self._qpos[:, 6], self._qpos[:, 3])
        return np.column_stack([self._qpos[:, :2], (yaw + np.pi) % (2 * np.pi) - np.pi])

    @property
    def _rolling(self) -> np.ndarray:
        wheels = ("front_left", "front_right", "rear_left", "rear_right")
        return np.array([self.model.joint(f"roll_{wheel}").dofadr[0] for wheel in wheels])

    def act(self, action: np.ndarray) -> None:
        self._last_action[:] = self._action
        self._action[:] = np.clip(action, -1, 1)
        p = {name: value[:, 0] for name, value in self.parameters.items()}
        # MuJoCo's z axis points up: a right turn is negative.
        wanted = -(self._action[:, 0] * p["steer_max"] + p["steer_trim"])
        # Slack in the linkage is a play operator: the wheels follow only once the gap is taken up.
        self._linkage = np.clip(self._linkage, wanted - p["slack"], wanted + p["slack"])
        self._ctrl[:, :2] = self._linkage[:, None]
        self._ctrl[:, 2] = self._action[:, 1] * p["top_speed"] / WHEEL_RADIUS

    def measure(self, ids: np.ndarray | None = None) -> None:
        everyone = ids is None
        ids = np.arange(len(self.layout)) if everyone else ids
        layout, count = self.layout[ids], self.config.track.points
        near = (self._at[ids, None] + self._window) % count
        # take() and two squares: a tenth of the time of fancy indexing and sum(), at every step of every world.
        points = self._points.reshape(-1, 2).take(layout[:, None] * count + near, axis=0)
        delta = self._qpos[ids, None, :2] - points
        best = np.argmin(delta[..., 0] ** 2 + delta[..., 1] ** 2, 1)
        at = near[np.arange(len(ids)), best]
        delta = delta[np.arange(len(ids)), best]
        c, s = np.cos(self._heading[layout, at]), np.sin(self._heading[layout, at])
        along = at * self._step[layout] + delta[:, 0] * c + delta[:, 1] * s
        length = self._length[layout]
        gained = (along - self._along[ids] + length / 2) % length - length / 2 if everyone else np.zeros(len(ids))
        self.progress[ids] += gained
        self._gained[ids], self._along[ids], self._at[ids] = gained, along, at
        self.offset[ids] = c * delta[:, 1] - s * delta[:, 0]
        w, z = self._qpos[ids, 3], self._qpos[ids, 6]
        yaw = 2 * np.arctan2(z, w)
        self._heading_error[ids] = (yaw - self._heading[layout, at] + np.pi) % (2 * np.pi) - np.pi
        c, s = np.cos(yaw), np.sin(yaw)
        vx, vy = self._qvel[ids, 0], self._qvel[ids, 1]
        self._speed[ids] = np.stack([c * vx + s * vy, c * vy - s * vx], 1)

    def state(self) -> np.ndarray:
        return self._action.astype(np.float32)

    def _ahead(self) -> np.ndarray:
        """Return (n, len(PREVIEW)) curvature of the centre line ahead, 1/m."""
        index = (self._at[:, None] + self._preview[self.layout]) % self.config.track.points
        return self._curvature[self.layout[:, None], index]

    def privileged(self) -> np.ndarray:
        # Only what a single frame can show, and constants of the world: a student with one frame could not imitate a
        # teacher that uses its last actions or the yaw rate.
        columns = [
            *(2 * self.offset / self.config.track.road_width, np.sin(self._heading_error), np.cos(self._heading_error)),
            self._speed[:, 0],
            *(10 * (self.parameters[name][:, 0] - value) for name, value in NOMINAL.items()),
        ]
        return np.concatenate([np.stack(columns, 1), self._ahead()], 1).astype(np.float32)

    def labels(self) -> dict[str, np.ndarray]:
        values = (2 * self.offset / self.config.track.road_width, self._heading_error, self._ahead()[:, 2:5].mean(1))
        return {name: value.astype(np.float32) for name, value in zip(self.spec.label_names, values, strict=True)}

    def pursuit(self, aside: np.ndarray | float = 0.0) -> np.ndarray:
        """Return (n,) rad, wheel angle of the arc to the point `look_ahead` along the centre line; positive is left.

        Args:
            aside: offset of that point to the left of the centre line [m], (n,) or a scalar.
        """
        ahead = np.round(self.config.look_ahead / self._step[self.layout]).astype(int)
        at = (self._at + ahead) % self.config.track.points
        heading = self._heading[self.layout, at]
        left = np.stack([-np.sin(heading), np.cos(heading)], 1)
        to_point = self._points[self.layout, at] + np.reshape(aside, (-1, 1)) * left - self._qpos[:, :2]
        yaw = 2 * np.arctan2(self._qpos[:, 6], self._qpos[:, 3])
        left = np.cos(yaw) * to_point[:, 1] - np.sin(yaw) * to_point[:, 0]
        return np.arctan(2 * WHEELBASE * left / (to_point**2).sum(1))

    def reward(self) -> np.ndarray:
        progress = self._gained / (self.config.target_speed * self.spec.control_dt)
        progress = 1 - np.abs(1 - progress)
        off = np.minimum(2 * np.abs(self.offset) / self.config.track.road_width, 2)
        p = {name: value[:, 0] for name, value in self.parameters.items()}
        wheels = -(self._action[:, 0] * p["steer_max"] + p["steer_trim"])
        wanted = np.clip(self.pursuit(), -p["steer_max"], p["steer_max"])
        jerk = self._action - self._last_action
        reward = progress - 0.2 * off**2 - 20.0 * (wheels - wanted) ** 2 - 0.3 * (jerk**2).sum(1)
        return (reward - 10.0 * self.terminated()).astype(np.float32)

    def terminated(self) -> np.ndarray:
        return np.abs(self.offset) > self._limit

    def success(self) -> np.ndarray:
        on_road = np.abs(self.offset) <= self.config.track.road_width / 2
        reach = 0.8 * self.config.target_speed * self.config.episode_seconds
        return on_road & (self.progress >= np.minimum(self._length[self.layout], reach))


TEST = LaneFollowConfig(layouts=100, layout_seed=100_000)
VALIDATION = LaneFollowConfig(layouts=50, layout_seed=300_000)
# Short episodes with random starts, so that frames show the road from all sides, like recordings.
TRAIN = LaneFollowConfig(episode_seconds=5.0, start_offset=0.5, start_heading=1.1, off_road=1.5)
# The rehearsal car gives full frames, which policies crop.
RAW = replace(NOMINAL_CAMERA, view=replace(NOMINAL_CAMERA.view, crop=(0, 0, 160, 120), size=(160, 120)))
REHEARSAL = LaneFollowConfig(layouts=100, layout_seed=210_000, camera=RAW)
# Recordings use other layouts than tests, and continue while the driver returns to the road.
RECORDING = LaneFollowConfig(layouts=50, layout_seed=200_000, camera=RAW, episode_seconds=120.0, off_road=1.5)
_SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST, "recording": RECORDING, "rehearsal": REHEARSAL}


ONE_WORLD = 50_000_000  # seed of layout 0 of those that are one world


def lane_follow(split: str, track: str | None = None, *, layout: int | None = None) -> LaneFollow:
    """Make LaneFollow with the layouts of a split (see `envs.registry.SPLITS`), which are disjoint.

    Args:
        track: name of a rebuilt track (see `read_rebuilt`), which every split then has: its episodes differ by seed.
        layout: number of a world that all episodes share, the same in every split; None: every episode draws its own.

    Raises:
        InputError: as read_rebuilt.
    """
    config = _SPLITS[split]
    if track is not None:
        rebuilt = read_rebuilt(track)
        view = replace(config.camera.view, camera=rebuilt.camera.view.camera)
        size = replace(config.track, road_width=rebuilt.width, points=len(rebuilt.line.points))
        camera = replace(rebuilt.camera, view=view)
        config = replace(config, rebuilt=rebuilt, layouts=1, track=size, camera=camera)
    if layout is not None:
        config = replace(config, layouts=1, layout_seed=ONE_WORLD + layout, one_world=True)
    return LaneFollow(config)
