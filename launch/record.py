"""`sim2real record`: episodes of a robot that somebody moves become a dataset."""

from pathlib import Path
from typing import Annotated

import tyro

from launch.console import reporting, say
from sim2real.collection.config import RecordConfig, RecordResult


def command(
    dest: tyro.conf.Positional[Path], config: Annotated[RecordConfig, tyro.conf.arg(name="")] = RecordConfig()
) -> None:
    """Record the rehearsal robot, a simulated stand-in for a real one, as a LeRobot v3.0 dataset.

    A simulated person moves it, with a person's faults: in LaneFollow a driver, in other tasks a trained teacher whose
    hand shakes and who looks now and then. The robot's lens, look, sensor and dynamics were withheld from pretraining,
    and it is recorded in other episodes than `sim2real evaluate --on rehearsal` has.

    With --on sim it is the plain simulation, and whoever acts has no faults; the dataset then holds all that it takes
    for `sim2real replay DATASET --on sim` to simulate it again bit for bit.

    Example: sim2real record datasets/reach --on rehearsal --task Reach --teacher runs/reach --episodes 20

    Args:
        dest: the new dataset; it must not exist. An interrupted recording leaves nothing and can be repeated.
    """
    from sim2real.collection.record import record

    with reporting() as stages:
        result = record(config, dest, stages)
    lengths = result.lengths
    say(f"{len(lengths)} episodes, {sum(lengths)} frames: {min(lengths)} to {max(lengths)} frames an episode")
    if config.on == "sim":
        from sim2real.statistics.rates import Rate

        say(f"success of {result.by}: {Rate.of(result.successes, result.tried)}")
        say(f"dataset: {dest}; live through it again with: sim2real replay {dest} --on sim")
        return
    _say_successes(result)
    say(f"dataset: {dest}")


def _say_successes(result: RecordResult) -> None:
    """Say how often who demonstrated succeeded, where episodes were long enough for that.

    It has no interval: recording stops at the last success that is needed.
    """
    if not result.full_length:
        return
    left_out = result.tried - len(result.lengths)
    dropped = f"; {left_out} left out (--keep-failed keeps them)" if left_out else ""
    say(f"who demonstrated succeeded in {result.successes} of {result.tried} episodes{dropped}")
