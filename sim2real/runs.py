"""A run folder: settings, versions, checkpoints and metrics."""

import os
import platform
import subprocess
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from sim2real.errors import CheckpointError, InputError
from sim2real.files.atomic import read_json, read_versioned_json, with_null, write_json
from sim2real.files.configs import from_plain, to_plain

FORMAT_VERSION = 1
PACKAGES = ("sim2real", "torch", "mujoco", "mujoco-warp", "gymnasium", "stable-baselines3", "numpy")
Config = TypeVar("Config")


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that affect results."""
    installed = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            installed[name] = "not installed"
    return installed


def git_revision() -> str | None:
    """Return the git revision of the code, with `+changes` if it is modified; None outside a repository."""
    here = Path(__file__).parent
    try:
        command = ["git", "-C", str(here), "describe", "--always", "--dirty=+changes", "--abbrev=12", "--exclude=*"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


class Run:
    """One run in its own folder: `config.json`, `metrics.json`, `checkpoints/`, `tensorboard/`.

    Attributes:
        folder: the run's folder.
        resumed: whether it resumes an earlier start.
    """

    def __init__(self, folder: Path, resumed: bool) -> None:
        self.folder, self.resumed = folder, resumed
        self.checkpoints, self.tensorboard = folder / "checkpoints", folder / "tensorboard"

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Replace `metrics.json`; undefined values (NaN, such as the correlation of a constant) become null.

        Raises:
            ValueError: a value that JSON cannot represent.
            OSError: writing failed; the old metrics stay.
        """
        write_json(self.folder / "metrics.json", {"format_version": FORMAT_VERSION, **with_null(metrics)})

    @property
    def metrics(self) -> dict[str, Any]:
        """Return the content of `metrics.json`, empty if there is none; raises CheckpointError if it is damaged."""
        path = self.folder / "metrics.json"
        return read_json(path, CheckpointError) if path.is_file() else {}

    @property
    def finished(self) -> bool:
        """Return whether the run is finished."""
        return bool(self.metrics.get("finished"))


def run_folder(command: str, config: Any, resume: bool) -> Path:
    """Return the default folder of a run: a new one under runs/, or the newest one to resume.

    Raises:
        InputError: there is none to resume.
    """
    task = str(getattr(config, "task", "run"))
    if not resume:
        return Path("runs") / f"{command}-{task}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
    newest = max(Path("runs").glob(f"{command}-{task}-*"), key=lambda p: p.stat().st_mtime, default=None)
    if newest is None:
        raise InputError(f"nothing to resume: no runs/{command}-{task}-* here; name the run with --out")
    return newest


def start_run(command: str, config: Config, out: Path | str | None, resume: bool) -> tuple[Run, Config]:
    """Make the run's folder, or resume it with the settings that it was started with.

    Args:
        config: a frozen dataclass with a `task`; written to `config.json`.
        out: the folder; None: a new one under `runs/`, or with resume the newest of this command and task.

    Returns:
        The run, and its settings.

    Raises:
        InputError: the folder is in use without resume, or there is nothing to resume.
        CheckpointError: its `config.json` is damaged, of another version, or of another command.
    """
    task = str(getattr(config, "task", "run"))
    folder = Path(out or run_folder(command, config, resume))
    path = folder / "config.json"
    if resume:
        if not path.is_file():
            raise InputError(f"nothing to resume: {folder} has no config.json")
        saved = load_config(folder, command, type(config))
        if str(getattr(saved, "task", "run")) != task:
            raise InputError(f"{folder} is a run of {getattr(saved, 'task', None)}, not of {task}")
        return Run(folder, True), saved
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists: add --resume to resume it, or choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    written = {"format_version": FORMAT_VERSION, "command": command, "config": to_plain(config)}
    write_json(path, {**written, "versions": versions(), "git_revision": git_revision()})
    return Run(folder, False), config


def load_config(folder: Path, command: str, kind: type[Config]) -> Config:
    """Return the settings of a run.

    Raises:
        CheckpointError: `config.json` is absent, damaged, of another version, or of another command.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise CheckpointError(f"{folder} is not a run: it has no config.json")
    content = read_versioned_json(path, FORMAT_VERSION, CheckpointError)
    if content.get("command") != command:
        raise CheckpointError(f"{folder} is a run of `{content.get('command')}`, not of `{command}`")
    try:
        return from_plain(kind, content["config"])
    except (TypeError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path} does not fit this version: {error}") from None
