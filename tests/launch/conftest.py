"""Commands run as their user runs them: in this process where that is quicker, or in one of their own."""

import builtins
import itertools
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

import numpy as np
import pytest

from launch.main import main
from sim2real.robots.loopback import Loopback


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


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What a person types, and the questions that were asked; an exception is raised instead of an answer."""

    def answer_with(*answers: str | type[BaseException]) -> list[str]:
        asked: list[str] = []
        left = iter(answers)

        def ask(question: str = "") -> str:
            asked.append(question)
            answer = next(left, EOFError)
            if not isinstance(answer, str):
                raise answer
            return answer

        monkeypatch.setattr(builtins, "input", ask)
        return asked

    return answer_with


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[Loopback]:
    """A loopback that does not sleep, and all that were opened."""
    opened: list[Loopback] = []
    start = Loopback.__init__

    def quickly(self: Loopback, *words: Any, **more: Any) -> None:
        now = [0.0]
        wait = lambda seconds: now.__setitem__(0, now[0] + seconds)  # noqa: E731
        start(self, *words, **{**more, "clock": lambda: now[0], "sleep": wait})
        opened.append(self)

    monkeypatch.setattr(Loopback, "__init__", quickly)
    return opened


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[int, str]], None]:
    """Keys that a person presses while a robot moves, by the number of the reading."""

    def type_at(presses: dict[int, str]) -> None:
        read = itertools.count()

        @contextmanager
        def keys() -> Iterator[Callable[[], str]]:
            yield lambda: presses.get(next(read), "")

        monkeypatch.setattr("launch.keys.keys", keys)

    return type_at


@pytest.fixture
def seeded_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of a session on a robot, which nobody can know, is that of its seed."""
    monkeypatch.setattr("sim2real.evaluation.session._source", lambda config: np.random.default_rng(config.seed))
