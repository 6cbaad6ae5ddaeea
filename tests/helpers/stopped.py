"""Runs `sim2real WORDS...` and sends it a signal at a moment of its own work, so that no test has to watch the clock.

    python stopped.py SIGNAL COUNT PATTERN WORDS...

The signal comes just before the COUNT-th file or folder whose path matches PATTERN is opened for writing or gets its
name. The name `LaneFollow` stands for a lane that is quick to drive.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

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


def stop(words: tuple, pattern: str, count: int, number: signal.Signals, folder: Path) -> tuple[int, str, str]:
    """Start a command in a folder and stop it there; its exit code, and what it wrote to stdout and stderr."""
    done = subprocess.run(
        [sys.executable, __file__, number.name, str(count), pattern, *map(str, words)],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    return done.returncode, done.stdout, done.stderr


if __name__ == "__main__":
    name, number, wanted, *command = sys.argv[1:]
    sys.argv = ["sim2real", *command]
    from launch.main import main

    if "LaneFollow" in command:
        from lanes import shorten

        shorten()
    watch(wanted, int(number), signal.Signals[name])
    main()
