# pyright: reportAttributeAccessIssue=false
"""MuJoCo's classic OpenGL renderer in a process of its own, on one core, where there is an OpenGL at all."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

KINDS = ("default settings", "fastest settings")
BACKENDS = ("egl", "osmesa")


class ClassicRenderer:
    """Renders one world's scene over and over on request.

    Args:
        model: an .mjb file.
        size: (width, height) px.

    Attributes:
        backend: of OpenGL, one of BACKENDS.

    Raises:
        OSError: no backend works here; says why.
    """

    def __init__(
        self, model: Path, qpos: np.ndarray, camera: str, size: tuple[int, int], geom_groups: Sequence[int]
    ) -> None:
        order = {"model": str(model), "qpos": qpos.tolist(), "camera": camera, "size": size, "groups": geom_groups}
        reasons = []
        for self.backend in BACKENDS:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                env=os.environ | {"MUJOCO_GL": self.backend},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            try:
                if self._ask(order) == "ready":
                    return
            except OSError as error:
                reasons.append(f"{self.backend}: {error}")
        raise OSError(f"no OpenGL ({'; '.join(reasons)})")

    def _ask(self, request: object) -> str:
        assert self._process.stdin and self._process.stdout and self._process.stderr
        with contextlib.suppress(BrokenPipeError):  # its last words are on stderr
            print(json.dumps(request), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline().strip()
        if not answer:
            lines = [line for line in self._process.stderr.read().splitlines() if "Error" in line]
            raise OSError(lines[0].strip() if lines else "the renderer's process ended")
        return answer

    def frames(self, kind: str, seconds: float) -> int:
        """Render for so long with one of KINDS of settings; returns how many frames that gave."""
        return int(self._ask([kind, seconds]))

    def __enter__(self) -> "ClassicRenderer":
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


def _serve() -> None:
    if hasattr(os, "sched_setaffinity"):  # software OpenGL takes every core that it may
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import mujoco

    order = json.loads(input())
    qpos, (width, height) = order["qpos"], order["size"]

    def make(fastest: bool):
        model = mujoco.MjModel.from_binary_path(order["model"])
        if fastest:
            model.vis.quality.shadowsize, model.vis.quality.offsamples = 256, 0
        data = mujoco.MjData(model)
        data.qpos[:] = qpos
        mujoco.mj_forward(model, data)
        renderer, option = mujoco.Renderer(model, height, width), mujoco.MjvOption()
        option.geomgroup[:] = [group in order["groups"] for group in range(len(option.geomgroup))]

        def draw() -> None:
            renderer.update_scene(data, order["camera"], option)
            if fastest:
                for flag in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE", "FOG"):
                    renderer.scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{flag}")] = 0
            renderer.render()

        draw()
        return renderer, draw

    renderers, draws = zip(*(make(kind == KINDS[1]) for kind in KINDS), strict=True)
    print("ready", flush=True)
    for line in sys.stdin:
        kind, seconds = json.loads(line)
        end, count = time.perf_counter() + seconds, 0
        while time.perf_counter() < end:
            draws[KINDS.index(kind)]()
            count += 1
        print(count, flush=True)
    for renderer in renderers:
        renderer.close()


if __name__ == "__main__":
    _serve()
