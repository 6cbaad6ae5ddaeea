"""Commands run as their user runs them: in this process where that is quicker, or in one of their own."""

import os
import re
import resource
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from launch.main import main


@dataclass(frozen=True)
class Done:
    """What a command left: exit code and what it wrote."""

    code: int
    out: str
    err: str


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that commands run in; no wrapping of lines, whatever the terminal."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("SIM2REAL_DEBUG", raising=False)
    return tmp_path


@pytest.fixture
def command(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., Done]]:
    """Run `sim2real WORDS...` in this process."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def run(*words: Any) -> Done:
        monkeypatch.setattr(sys, "argv", ["sim2real", *map(str, words)])
        capsys.readouterr()
        code = 0
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    yield run
    for number, handler in before.items():
        signal.signal(number, handler)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b"" for p in folder.rglob("*")}


@pytest.fixture
def complains(workplace: Path, command: Callable[..., Done]) -> Callable[[tuple, str], None]:
    """Check that a command says on one line of stderr what a pattern matches, ends with 2 and leaves nothing behind."""

    def check(words: tuple, pattern: str) -> None:
        before = everything(workplace)
        done = command(*words)
        assert done.code == 2, done
        lines = done.err.splitlines()
        assert len(lines) == 1 and lines[0].startswith("error: ") and "Traceback" not in done.out
        assert re.search(pattern, lines[0]), lines[0]
        assert everything(workplace) == before

    return check


@pytest.fixture
def few_simulated(monkeypatch: pytest.MonkeyPatch) -> None:
    """A glance into the simulator instead of a look."""
    monkeypatch.setattr("sim2real.transfer.inputs.SIMULATED", 100)
    monkeypatch.setattr("sim2real.transfer.frames.simulated.APART", 3)


@pytest.fixture
def small_disk() -> Callable[[int], AbstractContextManager[None]]:
    """A block in which no file can grow beyond so many bytes, as on a full disk."""

    @contextmanager
    def limited(size: int) -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))  # Python ignores the signal
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    return limited


@pytest.fixture
def start(workplace: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `sim2real WORDS...` as a process of its own; what still runs at the end of the test is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*words: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "launch.main", *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()
