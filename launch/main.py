"""The `sim2real` command."""

import importlib
import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from difflib import get_close_matches

import tyro
from rich.markup import escape
from rich.table import Table

from launch.console import INTERRUPTED, console, interrupted, say
from sim2real.errors import AlreadyFinished, InputError

USAGE, FAULT = 2, 70  # exit codes: bad input; a fault of this program (EX_SOFTWARE)

VERBS = {
    "demo": "Pretrain in simulation, record, adapt, drive before and after, replay: the complete pipeline in minutes.",
    "train": "Train a teacher on privileged state with Stable-Baselines3, in many parallel worlds.",
    "pretrain": "Pretrain a vision policy in simulation: a teacher's labels on streamed frames, or PPO from pixels.",
    "evaluate": "Evaluate a policy in unseen worlds, on the rehearsal robot, on hardware or on recordings.",
    "models": "List the policies that ship with the package, with their measured figures, or show the card of one.",
    "look": "Draw a contact sheet of simulated frames, beside real ones if given.",
    "import": "Turn a Donkeycar tub (v2) or a LeRobot v2.1 dataset into a LeRobot v3.0 dataset.",
    "inspect": "Print a dataset's statistics, check that frames match their rows, draw frames and actions.",
    "edit": "Leave out, cut or join episodes of a dataset, into a new one.",
    "record": "Record the rehearsal robot, a simulated stand-in for a real one, or hardware by keys, as a dataset.",
    "adapt": "Adapt a policy to recordings, and compare it with the control candidates.",
    "probe": "Compare recordings with simulated frames through a policy's eyes, without training.",
    "ladder": "Pretrain with a matched and with increasingly wrong cameras, adapt each by every plan.",
    "matrix": "Adapt policies to recordings at several numbers of frames; show where adapting helps.",
    "study": "Measure claims about learning from simulation, such as that sharing a trunk helps.",
    "reconstruct": "Rebuild a track from the log of a car that drove it: map, poses, centre line, vehicle.",
    "calibrate": "Fit a camera's lens to a car's log or to images of a board; calibrate an SO-101 by hand.",
    "identify": "Fit an arm's servos to its log, or a camera's sensor to unlabelled frames.",
    "export": "Export a policy as ONNX, in a folder that needs no PyTorch: NumPy, OpenCV and onnxruntime run it.",
    "emulate": "Emulate an SO-101 at wire level: servos on a serial port, physics behind them, and a camera.",
    "bridge": "Expose a robot of this computer to programs on another one, with a watchdog at the robot's end.",
    "replay": "Replay recorded episodes: through a policy, in simulation, on a robot, or in Rerun's viewer.",
}
"""What each command does. Its module is imported only when it runs: torch and MuJoCo take seconds to import."""


def _load(verb: str) -> Callable[..., None]:
    """Return the function behind a verb: `launch.VERB.command`."""
    module = f"launch.{verb}_" if verb in ("import", "inspect") else f"launch.{verb.replace(' ', '_')}"
    return importlib.import_module(module).command


def _help() -> None:
    say("usage: sim2real COMMAND [OPTIONS]\n")
    say("Pretrain vision policies in MuJoCo and take them to a real camera.\n")
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 2))
    for verb, summary in VERBS.items():
        table.add_row(verb, summary)
    console.print(table)
    say("\nsim2real COMMAND --help shows its options, with an example.")


def _run() -> None:
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb in ("", "--help", "-h"):
        _help()
        sys.exit(0 if verb else USAGE)
    if verb not in VERBS:
        near = get_close_matches(verb, VERBS, 1)
        wanted = f"did you mean {near[0]}?" if near else f"there are {', '.join(VERBS)}"
        raise InputError(f"no command {verb!r}; {wanted}")
    words = sys.argv[2:]
    if verb == "identify" and words[:1] == ["sensor"]:  # other settings than a robot's
        verb, words = "identify sensor", words[1:]
    if verb == "calibrate":
        verb, words = _calibration(words)
    tyro.cli(_load(verb), prog=f"sim2real {verb}", args=words, config=(tyro.conf.PositionalRequiredArgs,))


def _calibration(words: list[str]) -> tuple[str, list[str]]:
    """Return what is calibrated from, as a verb with its own settings, and the remaining words."""
    if words[:1] in (["camera"], ["board"], ["so101"]):
        return f"calibrate {words[0]}", words[1:]
    if words[:1] in ([], ["--help"], ["-h"]):
        return "calibrate camera", ["--help"]
    raise InputError(
        f"calibrate {words[0]!r}: there are `camera` (from a car's log), `board` (from its images), `so101`"
    )


def _interrupt(signum: int, frame: object) -> None:
    interrupted.set()
    raise KeyboardInterrupt


def _one_line(message: str, category: type[Warning], *_: object, **__: object) -> None:
    console.print(f"[yellow]note:[/] {escape(' '.join(str(message).split()))}", highlight=False, soft_wrap=True)


def _thread_failed(args: threading.ExceptHookArgs) -> None:
    """Ignore errors of TensorBoard's writer: the main thread raises a full disk again and reports it in one line."""
    if not isinstance(args.exc_value, OSError):
        threading.__excepthook__(args)


def _explained(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename or 'a file of the run'}: {error.strerror}"
    return " ".join(str(error).split())


def main() -> None:
    """Parse and run; turn errors into one line and an exit code: 2 for bad input, 130 when interrupted."""
    interrupted.clear()
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    if hasattr(signal, "SIGHUP"):  # the terminal is gone: what moves must be stopped
        signal.signal(signal.SIGHUP, _interrupt)
    threading.excepthook = _thread_failed
    warnings.showwarning = _one_line  # type: ignore[assignment]
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("envs").setLevel(logging.INFO)
    try:
        _run()
    except KeyboardInterrupt:
        say("\ninterrupted")
        sys.exit(INTERRUPTED)
    except AlreadyFinished as finished:
        say(str(finished))
    except Exception as error:
        if not isinstance(error, InputError | OSError):
            traceback.print_exc()
            advice = "this is a bug in sim2real, not in your input: please report it with the lines above"
            print(f"error: {advice}", file=sys.stderr)
            sys.exit(FAULT)
        if os.environ.get("SIM2REAL_DEBUG"):
            raise
        print(f"error: {_explained(error)}", file=sys.stderr)
        sys.exit(USAGE)


if __name__ == "__main__":
    main()
