"""The `sim2real` command."""

import logging
import os
import signal
import sys
import threading
import warnings

import tyro
from rich.markup import escape

from launch.console import INTERRUPTED, console, say

USAGE = 2


def _verbs() -> dict:
    # Imported here: `sim2real --help` must not wait for torch and MuJoCo more than it has to.
    from launch.demo import demo
    from launch.evaluate import evaluate
    from launch.import_ import import_command
    from launch.inspect_ import inspect_command
    from launch.look import look
    from launch.pretrain import pretrain_command
    from launch.train import train

    return {
        "demo": demo,
        "train": train,
        "pretrain": pretrain_command,
        "evaluate": evaluate,
        "look": look,
        "import": import_command,
        "inspect": inspect_command,
    }


def _interrupt(signum: int, frame: object) -> None:
    raise KeyboardInterrupt


def _one_line(message: str, category: type[Warning], *_: object, **__: object) -> None:
    console.print(f"[yellow]note:[/] {escape(str(message))}", highlight=False, soft_wrap=True)


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
    signal.signal(signal.SIGTERM, _interrupt)
    threading.excepthook = _thread_failed
    warnings.showwarning = _one_line  # type: ignore[assignment]
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("envs").setLevel(logging.INFO)
    try:
        tyro.extras.subcommand_cli_from_dict(
            _verbs(),
            prog="sim2real",
            description="Pretrain vision policies in MuJoCo and take them to a real camera.",
            config=(tyro.conf.PositionalRequiredArgs,),
        )
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
