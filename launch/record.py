"""`sim2real record`: record episodes of a robot as a dataset."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import reporting, resumable, say, typed_command
from sim2real.collection.config import RecordConfig, RecordResult


def command(
    dest: tyro.conf.Positional[Path], config: Annotated[RecordConfig, tyro.conf.arg(name="")] = RecordConfig()
) -> None:
    """Record the rehearsal robot, a simulated stand-in for a real one, or hardware, as a LeRobot v3.0 dataset.

    A simulated operator with human imperfections moves it: in LaneFollow a driver, in other tasks a trained teacher
    with shaky and delayed actions. Pretraining never uses the robot's lens, appearance, sensor and dynamics. The
    command `sim2real evaluate --on rehearsal` uses other episodes.

    With --on sim the plain simulation is recorded: a teacher or a policy (--checkpoint) acts, or without both, actions
    are random. `sim2real replay DATASET --on sim` reproduces such a dataset bit for bit.

    With --on robot you move hardware by keys, which are printed before the start: arrows for a car, a pair of keys per
    joint for an arm; s ends an episode as a success, f as a failure, a discards it. Every episode is on disk as it
    ends; --resume goes on after the last one.

    Example: sim2real record datasets/reach --on rehearsal --task Reach --teacher runs/reach --episodes 20

    Args:
        dest: folder of the new dataset; it must not exist. An interrupted recording leaves nothing behind, but on
            hardware all finished episodes.
    """
    from sim2real.collection.record import record

    if config.on == "robot":
        _record_by_hand(config, dest)
        return
    with reporting() as stages:
        result = record(config, dest, stages)
    lengths = result.lengths
    say(f"{len(lengths)} episodes, {sum(lengths)} frames: {min(lengths)} to {max(lengths)} frames an episode")
    if config.on == "sim":
        from sim2real.statistics.rates import Rate

        say(f"success of {result.by}: {Rate.of(result.successes, result.tried)}")
        say(f"dataset: {dest}; simulate it again with: sim2real replay {dest} --on sim")
        return
    _say_successes(result)
    truth = "" if config.layout is None else f"; truth: {dest / 'truth'}"
    say(f"dataset: {dest}{truth}")


def _record_by_hand(config: RecordConfig, dest: Path) -> None:
    from launch.keys import operating
    from sim2real.collection.record import record

    with operating() as supervisor:  # without a progress bar, which would hide the questions
        result = record(config, dest, supervisor=supervisor)
    if result.lengths:
        say(f"{len(result.lengths)} episodes, {sum(result.lengths)} frames; dataset: {dest}")
    if result.interrupted:
        with resumable(typed_command() + ("" if config.resume else " --resume")):
            raise KeyboardInterrupt


def _say_successes(result: RecordResult) -> None:
    """Print the operator's successes, if the episodes were long enough to succeed.

    No interval is given: recording stops at the last success that is needed.
    """
    if not result.full_length:
        return
    left_out = result.tried - len(result.lengths)
    dropped = f"; {left_out} left out (--keep-failed keeps them)" if left_out else ""
    say(f"the operator succeeded in {result.successes} of {result.tried} episodes{dropped}")
