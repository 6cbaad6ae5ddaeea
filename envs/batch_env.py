"""Parallel worlds of a task as a gymnasium.vector.VectorEnv: physics on threads, frames from the batch renderer."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from mujoco.batch import Batch

from envs.camera import Camera
from envs.errors import InputError
from envs.frame_history import FrameHistory
from envs.image_formation import blur_reach
from envs.random import WorldRandom
from envs.randomization import Randomization, Randomizer
from envs.sensor import SensorConfig
from envs.task import Task, TaskSpec
from envs.vision import Vision, make_sensors, widened
from envs.world_parameters import COEFFICIENT, WorldParameters

STREAMS = (0, 2**41, 2**42)  # seed offsets of a world's streams: task, randomization, image noise
LIMIT = 10.0  # range of state and privileged observations, which tasks scale to about 1


def observation_space(spec: TaskSpec, keys: Sequence[str]) -> spaces.Dict:
    """Return the observation space of one world; keys among `state`, `privileged`, `images.<camera>`.

    Raises:
        InputError: an observation that the task does not have.
    """
    every: dict[str, spaces.Space] = {
        "state": spaces.Box(-LIMIT, LIMIT, (len(spec.state_names),), np.float32),
        "privileged": spaces.Box(-LIMIT, LIMIT, (len(spec.privileged_names),), np.float32),
    }
    for name, view in spec.cameras.items():
        every[f"images.{name}"] = spaces.Box(0, 255, (view.size[1], view.size[0], 3), np.uint8)
    for key in keys:
        if key not in every:
            raise InputError(f"{spec.name} does not observe {key!r}; it has: {', '.join(every)}")
    return spaces.Dict({key: every[key] for key in keys})


def resolve_randomization(spec: TaskSpec, randomization: Randomization | str) -> Randomization:
    """Return a preset of the task by name, or the randomization itself.

    Raises:
        InputError: no such preset, or one for another robot.
    """
    if isinstance(randomization, Randomization):
        if randomization.robot not in ("", spec.robot):
            other = f"{randomization.name} is for the robot {randomization.robot}"
            raise InputError(f"{other}, {spec.name} has {spec.robot}")
        return randomization
    if randomization not in spec.presets:
        raise InputError(f"{spec.name} has no randomization {randomization!r}; presets: {', '.join(spec.presets)}")
    preset = spec.presets[randomization]
    # A preset is for the task's lens: with the user's lens, only existing coefficients are varied.
    coefficients = max((len(view.camera.distortion) for view in spec.cameras.values()), default=0)
    varied = tuple(vary for vary in preset.varied if COEFFICIENT.get(vary.field, -1) < coefficients)
    return dataclasses.replace(preset, varied=varied)


def with_cameras(spec: TaskSpec, cameras: Mapping[str, Camera]) -> TaskSpec:
    """Return the spec with other lenses; raises InputError for an unknown camera, or a frame of another size."""
    views = dict(spec.cameras)
    for name, camera in cameras.items():
        if name not in views:
            raise InputError(f"{spec.name} has no camera {name!r}; it has: {', '.join(views)}")
        before = views[name].camera
        if (camera.width, camera.height) != (before.width, before.height):
            size = f"{camera.width}x{camera.height}"
            raise InputError(f"camera {name!r} gives {size} px, {spec.name} needs {before.width}x{before.height}")
        views[name] = dataclasses.replace(views[name], camera=camera)
    return dataclasses.replace(spec, cameras=views)


def _blur_reach(sensor: SensorConfig | None, randomization: Randomization) -> int:
    """Return the maximum distance [px] at which pixels affect each other in any possible world."""
    if sensor is None:
        return 0
    return blur_reach(*(randomization.highest(f"sensor.{k}", getattr(sensor, k)) for k in ("defocus", "motion_blur")))


class BatchEnv(VectorEnv):
    """num_envs worlds of a task, stepped together; a world that ends starts its next episode in the same step.

    Actions (A,) are float32 in [-1, 1]. At the end of an episode the info has gymnasium's `final_obs` and `final_info`,
    the latter with `success`, `terminated`, `steps`; with `once` there is no `final_obs`.

    Args:
        task: the task; a task object belongs to one environment.
        num_envs: number of worlds n.
        randomization: one of the task's presets by name, or a Randomization.
        observations: any of `state` (S,) float32, `images.<camera>` (H, W, 3) uint8 RGB, `privileged` (P,) float32;
            without images nothing is rendered.
        sensor: image formation, or None for unchanged rendered frames.
        threads: number of threads for physics and renderer; 0: all cores.
        device: device that renders frames, `cpu` or `cuda`.
        shadows, samples: as in BatchRenderer.
        maps: size (h, w) of the output of `maps`; None: maps are not rendered.
        image_size: (width, height) px of all images instead of the task's.
        cameras: lenses that replace the task's, by the camera's name, for full frames of the same size.
        windows: by camera, (left, top, width, height) px of the part of its frames that is used; parts that are not
            needed for it stay black.
        once: every world runs only the episode that starts at reset(), and then rests: it is neither simulated nor
            rendered, its observation stays as before the last step, and its reward is 0.

    Raises:
        InputError: no world, an unknown preset, observation, field or device.
    """

    def __init__(
        self,
        task: Task,
        num_envs: int = 1,
        *,
        randomization: Randomization | str = "none",
        observations: Sequence[str] | None = None,
        sensor: SensorConfig | None = SensorConfig(),
        threads: int = 0,
        device: str = "cpu",
        shadows: bool = False,
        samples: int = 1,
        maps: tuple[int, int] | None = None,
        image_size: tuple[int, int] | None = None,
        cameras: Mapping[str, Camera] | None = None,
        windows: Mapping[str, tuple[int, int, int, int]] | None = None,
        once: bool = False,
    ) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs must be at least 1, not {num_envs}")
        spec = with_cameras(task.spec, cameras or {})
        if image_size is not None:
            views = {name: dataclasses.replace(view, size=image_size) for name, view in spec.cameras.items()}
            spec = dataclasses.replace(spec, cameras=views)
        self.task, self.task_spec, self.num_envs, self.render_mode = task, spec, num_envs, None
        autoreset = AutoresetMode.DISABLED if once else AutoresetMode.SAME_STEP
        self.metadata = {"autoreset_mode": autoreset, "render_fps": round(1 / spec.control_dt)}
        keys = ("state", *(f"images.{name}" for name in spec.cameras)) if observations is None else tuple(observations)
        self.single_observation_space = observation_space(spec, keys)
        self.single_action_space = spaces.Box(-1, 1, (len(spec.action_names),), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.keys = keys
        self._worlds = np.arange(num_envs)
        self.once, self._awake = once, self._worlds
        self._observation: dict[str, np.ndarray] = {}
        self._batch = Batch(task.model, num_envs, threads)
        # Separate streams for the episode, its randomization and image noise: a seed gives the same start with any
        # randomization, and the same episode with or without images.
        self._random, self._draws, self._noise = (WorldRandom(self._worlds + offset) for offset in STREAMS)
        self._seeded = False
        task.attach(self._batch, self._random)
        randomization = resolve_randomization(spec, randomization)
        wider = widened(spec, windows or {}, _blur_reach(sensor, randomization))
        sensors = make_sensors(spec, sensor, num_envs, self._noise, wider)
        seen = {name: sensors[name] for name in spec.cameras if f"images.{name}" in keys}
        # A world has one image quality: the draw for the first camera applies to all.
        self._sensor = next(iter((seen or sensors).values()), None)
        known = len(spec.privileged_names) + len(spec.label_names)
        self._past, self._known = FrameHistory(num_envs, (known,), np.float32), np.zeros((num_envs, known), np.float32)
        groups = {"task": task.parameters, "sensor": self._sensor.params if self._sensor else {}}
        self._parameters = WorldParameters(
            task.model, self._batch, {name: view.lens for name, view in spec.cameras.items()}, groups
        )
        self.randomizer = Randomizer(randomization, self._parameters.resolve, num_envs)
        self._substeps = round(spec.control_dt / task.model.opt.timestep)
        self._limit = round(spec.episode_seconds / spec.control_dt)
        self._steps = np.zeros(num_envs, int)
        self.vision: Vision | None = None
        if seen:
            self.vision = Vision(
                *(task.model, spec, self._batch, self._parameters, seen),
                threads=self._batch.nthread,
                device=device,
                shadows=shadows,
                samples=samples,
                maps=maps,
                windows=wider,
            )

    @property
    def batch(self) -> Batch:
        """Return the worlds' physics; its `state` (n, S) and the model determine their future."""
        return self._batch

    def reset(self, *, seed: int | Sequence[int] | None = None, options: dict | None = None) -> tuple[dict, dict]:
        """Start an episode in every world; world i has seed + i (or seed[i]), or continues its stream.

        Raises:
            ValueError: the numbers of seeds and worlds differ.
        """
        if seed is None and not self._seeded:
            seed = int(np.random.default_rng().integers(2**40))
        if seed is not None:
            self._seeded = True
            seeds = np.asarray(seed) if np.ndim(seed) else np.asarray(seed) + self._worlds
            if seeds.shape != (self.num_envs,):
                raise ValueError(f"{len(seeds)} seeds for {self.num_envs} worlds")
            for stream, offset in zip((self._random, self._draws, self._noise), STREAMS, strict=True):
                stream.reseed(self._worlds, seeds + offset)
        self._awake = self._worlds
        self._start(self._worlds)
        self._observation = self._observe(self._worlds)
        return self._latest(), {}

    def _start(self, ids: np.ndarray) -> None:
        """Start a new episode in worlds ids (m,)."""
        shared = self.task.world_seed is not None
        if shared:
            self._draws.reseed(ids, np.full(len(ids), self.task.world_seed) + STREAMS[1])
        self.randomizer.draw(ids, self._draws)
        self._batch.reset(ids, stage=0)
        self.task.reset(ids)
        self._parameters.follow(ids)
        self.task.measure(ids)
        self._steps[ids] = 0
        self._past.clear(ids)
        if self.vision is not None:
            self.vision.reset(ids, self._draws if shared else None)

    def _observe(self, ids: np.ndarray) -> dict[str, np.ndarray]:
        """Return observations of worlds ids (m,), as new arrays."""
        frames = self.vision.observe(ids) if self.vision is not None else {}
        # Privileged state is as late as the camera's frames: a student with late frames could not imitate a teacher
        # with more recent information.
        known = np.concatenate([self.task.privileged(), *(v[:, None] for v in self.task.labels().values())], 1)
        latency = self._sensor.latency if self._sensor else np.zeros(self.num_envs, int)
        self._past.deepen(int(latency.max()) + 1)
        self._past.push(ids, known[ids], np.zeros(len(ids), bool))
        self._known[ids] = np.clip(self._past.read(ids, latency[ids]), -LIMIT, LIMIT)
        observation = {}
        for key in self.keys:
            if key.startswith("images."):
                observation[key] = frames[key.removeprefix("images.")]
            else:
                observation[key] = self.privileged()[ids] if key == "privileged" else self._state()[ids]
        return observation

    def _state(self) -> np.ndarray:
        return np.clip(self.task.state(), -LIMIT, LIMIT)

    def step(self, actions: np.ndarray) -> tuple[dict, np.ndarray, np.ndarray, np.ndarray, dict]:
        """Act for one control step in every world.

        Raises:
            InputError: an action that is not finite.
            ValueError: an action of the wrong shape.
        """
        actions = np.asarray(actions, float)
        if actions.shape != self.action_space.shape:
            raise ValueError(f"actions of shape {actions.shape}; this environment takes {self.action_space.shape}")
        if not np.isfinite(actions).all():
            world = int(np.flatnonzero(~np.isfinite(actions).all(1))[0])
            raise InputError(f"the action for world {world} is not finite: {actions[world].tolist()}")
        self.task.act(actions)
        self._batch.step(None if len(self._awake) == self.num_envs else self._awake, nstep=self._substeps)
        self.task.measure()
        self._steps[self._awake] += 1
        reward, terminated = self.task.reward(), self.task.terminated()
        resting = ~np.isin(self._worlds, self._awake)
        reward, terminated = np.where(resting, 0, reward).astype(reward.dtype), terminated & ~resting
        truncated = (self._steps >= self._limit) & ~terminated & ~resting
        ended = np.flatnonzero(terminated | truncated)
        info = {}
        if len(ended):
            info = self._final(ended, terminated)
            if self.once:
                self._awake = np.setdiff1d(self._awake, ended)
            else:
                self._start(ended)
        self._see()
        return self._latest(), reward, terminated, truncated, info

    def _see(self) -> None:
        """Observe the worlds that are running."""
        if len(self._awake) == self.num_envs:
            self._observation = self._observe(self._worlds)
        elif len(self._awake):
            for key, value in self._observe(self._awake).items():
                self._observation[key][self._awake] = value

    def _latest(self) -> dict[str, np.ndarray]:
        """Return the current observation, as new arrays."""
        return {key: value.copy() for key, value in self._observation.items()} if self.once else self._observation

    def _final(self, ended: np.ndarray, terminated: np.ndarray) -> dict:
        """Return gymnasium's info on the episodes that just ended in worlds ended (m,)."""
        mask = np.isin(self._worlds, ended)
        final = {"success": self.task.success(), "terminated": terminated.copy(), "steps": self._steps.copy()}
        final |= {f"_{name}": mask.copy() for name in final}
        info = {"final_info": final, "_final_info": mask.copy()}
        return info if self.once else info | self._final_obs(ended, mask)

    def _final_obs(self, ended: np.ndarray, mask: np.ndarray) -> dict:
        """Return the last observations of worlds ended (m,)."""
        last = self._observe(ended)
        final_obs = np.full(self.num_envs, None, object)
        for row, world in enumerate(ended):  # the format needs an object per world; few end at a time
            final_obs[world] = {key: value[row] for key, value in last.items()}
        return {"final_obs": final_obs, "_final_obs": mask}

    def privileged(self) -> np.ndarray:
        """Return (n, P) float32 at the time of the current frame, even if it is not an observation."""
        return self._known[:, : len(self.task.spec.privileged_names)].copy()

    def labels(self) -> dict[str, np.ndarray]:
        """Return (n,) float32 auxiliary labels at the same time."""
        first, names = len(self.task.spec.privileged_names), self.task.spec.label_names
        return {name: self._known[:, first + i].copy() for i, name in enumerate(names)}

    def maps(self, camera: str) -> dict[str, np.ndarray]:
        """Return label maps of a camera's current frame, see `Vision.maps`."""
        if self.vision is None:
            raise ValueError("an environment without images has no maps")
        return self.vision.maps(camera)

    def lens(self, camera: str, world: int) -> Camera:
        """Return the lens of a camera in one world's current episode."""
        return self._parameters.lenses(camera, np.array([world]))[0]

    def episode_parameters(self, world: int) -> dict[str, float]:
        """Return the values drawn by the randomization for one world's current episode."""
        return self.randomizer.episode(world)

    def close_extras(self, **kwargs: object) -> None:
        """Stop the rendering threads."""
        if self.vision is not None:
            self.vision.close()
