"""The `sim2real` command."""

import importlib
import logging
import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable

import tyro
from rich.markup import escape

from launch.console import INTERRUPTED, console, interrupted, say

USAGE = 2


VERBS = {
    "demo": "launch.demo:demo",
    "train": "launch.train:train",
    "pretrain": "launch.pretrain:pretrain_command",
    "evaluate": "launch.evaluate:evaluate",
    "look": "launch.look:look",
    "import": "launch.import_:import_command",
    "inspect": "launch.inspect_:inspect_command",
    "record": "launch.record:record_command",
    "adapt": "launch.adapt:adapt_command",
    "probe": "launch.probe:probe_command",
    "ladder": "launch.ladder:ladder_command",
    "identify": "launch.identify:identify",
    "replay": "launch.replay:replay",
}


def _load(verb: str) -> Callable[..., None]:
    """The function behind a verb; only the one that was asked for is imported, as torch and MuJoCo take seconds."""
    module, _, function = VERBS[verb].partition(":")
    return getattr(importlib.import_module(module), function)


def _run() -> None:
    verb, options = (sys.argv[1] if len(sys.argv) > 1 else ""), (tyro.conf.PositionalRequiredArgs,)
    if verb in VERBS:
        tyro.cli(_load(verb), prog=f"sim2real {verb}", args=sys.argv[2:], config=options)
        return
    tyro.extras.subcommand_cli_from_dict(
        {name: _load(name) for name in VERBS},
        prog="sim2real",
        description="Pretrain vision policies in MuJoCo and take them to a real camera.",
        config=options,
    )


def _interrupt(signum: int, frame: object) -> None:
    interrupted.set()
    raise KeyboardInterrupt


def _one_line(message: str, category: type[Warning], *_: object, **__: object) -> None:
    console.print(f"[yellow]note:[/] {escape(' '.join(str(message).split()))}", highlight=False, soft_wrap=True)


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    """TensorBoard's writer raises a full disk once more in the main thread, where it is told in one line."""
    if not isinstance(args.exc_value, OSError):
        threading.__excepthook__(args)


def _explained(error: ValueError | OSError) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file of the run'}: {error.strerror}"
    return " ".join(str(error).split())


def main() -> None:
    """Parse, run, and turn what went wrong into one line and an exit code: 2 for bad input, 130 when interrupted."""
    interrupted.clear()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    threading.excepthook = _thread_failed
    warnings.showwarning = _one_line  # type: ignore[assignment]
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("envs").setLevel(logging.INFO)
    try:
        _run()
    except KeyboardInterrupt:
        say("\ninterrupted")
        sys.exit(INTERRUPTED)
    except (ValueError, OSError) as error:
        if os.environ.get("SIM2REAL_DEBUG"):
            raise
        print(f"error: {_explained(error)}", file=sys.stderr)
        sys.exit(USAGE)


if __name__ == "__main__":
    main()
