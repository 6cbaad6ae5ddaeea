"""Runs `sim2real WORDS...` and sends it a signal at a moment of its own work, so that no test has to watch the clock.

The signal comes just before the COUNT-th file or folder whose path matches PATTERN is opened for writing or gets its
name. The name `LaneFollow` stands for a lane that is quick to drive. Commands run as forks of one process that has
imported everything and done nothing else: imports take longer than most of these commands.
"""

import atexit
import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NoReturn

WRITING = os.O_WRONLY | os.O_RDWR


def watch(pattern: str, count: int, number: signal.Signals) -> Callable[[], None]:
    """Send this process the signal at the count-th match; what is returned ends the watch."""
    left = count

    def end() -> None:
        nonlocal left
        left = 0

    def hook(event: str, args: tuple[Any, ...]) -> None:
        nonlocal left
        if left <= 0:
            return
        if event == "os.rename":
            path = args[1]
        elif event == "open" and isinstance(args[2], int) and args[2] & WRITING:
            path = args[0]
        else:
            return
        if isinstance(path, (str, bytes)) and fnmatch(os.fsdecode(path), pattern):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), number)

    sys.addaudithook(hook)  # for as long as the process lives
    return end


@functools.cache
def _server() -> subprocess.Popen[str]:
    """The process that is forked, started once."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )

    def end() -> None:
        assert process.stdin is not None
        process.stdin.close()
        process.wait()

    atexit.register(end)
    return process


def stop(words: tuple, pattern: str, count: int, number: signal.Signals, folder: Path) -> tuple[int, str, str]:
    """Start a command in a folder and stop it there; its exit code, and what it wrote to stdout and stderr."""
    server = _server()
    assert server.stdin is not None and server.stdout is not None
    with tempfile.TemporaryDirectory() as written:
        asked = (list(map(str, words)), pattern, count, number, str(folder), written, dict(os.environ))
        print(json.dumps(asked), file=server.stdin, flush=True)
        code = int(server.stdout.readline())
        return code, Path(written, "stdout").read_text(), Path(written, "stderr").read_text()


def _serve() -> None:
    """Read a command a line, run it in a fork, and answer with its exit code."""
    import launch.adapt  # noqa: F401
    import sim2real.training.pretraining
    import sim2real.training.teacher  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _run(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run(
    words: list[str], pattern: str, count: int, number: int, folder: str, written: str, environment: dict[str, str]
) -> NoReturn:
    """Be the command, as if it had been started so."""
    from lanes import shorten
    from launch.main import main

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for stream, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(Path(written, name), os.O_WRONLY | os.O_CREAT), stream)
    sys.argv = ["sim2real", *words]
    if {"LaneFollow", "study"} & set(words):
        shorten()
    watch(pattern, count, signal.Signals(number))
    main()
    sys.exit(0)


if __name__ == "__main__":
    _serve()
