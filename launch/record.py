"""`sim2real record`: record episodes of a robot as a dataset."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import reporting, say
from sim2real.collection.config import RecordConfig, RecordResult


def command(
    dest: tyro.conf.Positional[Path], config: Annotated[RecordConfig, tyro.conf.arg(name="")] = RecordConfig()
) -> None:
    """Record the rehearsal robot, a simulated stand-in for a real one, as a LeRobot v3.0 dataset.

    A simulated operator with human imperfections moves it: in LaneFollow a driver, in other tasks a trained teacher
    with shaky and delayed actions. Pretraining never uses the robot's lens, appearance, sensor and dynamics. The
    command `sim2real evaluate --on rehearsal` uses other episodes.

    With --on sim the plain simulation is recorded: a teacher or a policy (--checkpoint) acts, or without both, actions
    are random. `sim2real replay DATASET --on sim` reproduces such a dataset bit for bit.

    Example: sim2real record datasets/reach --on rehearsal --task Reach --teacher runs/reach --episodes 20

    Args:
        dest: folder of the new dataset; it must not exist. An interrupted recording leaves nothing behind.
    """
    from sim2real.collection.record import record

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


def _say_successes(result: RecordResult) -> None:
    """Print the operator's successes, if the episodes were long enough to succeed.

    No interval is given: recording stops at the last success that is needed.
    """
    if not result.full_length:
        return
    left_out = result.tried - len(result.lengths)
    dropped = f"; {left_out} left out (--keep-failed keeps them)" if left_out else ""
    say(f"the operator succeeded in {result.successes} of {result.tried} episodes{dropped}")
