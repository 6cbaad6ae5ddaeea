"""Measurements of a study: independent of each other, two at a time, each kept when it ends."""

import itertools
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sim2real.errors import InputError
from sim2real.files import read_json, write_json
from sim2real.files.atomic import with_null
from sim2real.progress import NOTHING, Progress, Stages, no_stages
from sim2real.transfer.fitting.jobs import side_by_side

Figures = dict[str, Any]
"""Plain figures as JSON has them; None is an undefined number."""


@dataclass(frozen=True)
class Measurement:
    """One measurement of a part.

    Attributes:
        key: unique in its part; also the name of its file.
        measure: makes it. It calls its progress often: an error from there stops it.
    """

    key: str
    measure: Callable[[Progress], Mapping[str, Any]]


def run_measurements(
    rounds: Callable[[Mapping[str, Figures]], Sequence[Measurement]], folder: Path, stages: Stages = no_stages
) -> dict[str, Figures]:
    """Make all measurements that are not in the folder yet, and return the figures of all by key.

    Args:
        rounds: returns the measurements that can be made when the given figures are known; asked again after each
            round, until it returns nothing new.
        folder: `KEY.json` of each measurement is written here when it ends.
        stages: progress: each round, in measurements, fractions of running ones included.

    Raises:
        KeyboardInterrupt: after the running measurements were stopped; finished ones are kept.
    """
    results: dict[str, Figures] = {}
    for number in itertools.count(1):
        measurements = rounds(results)
        _check_keys(measurements)
        new = [each for each in measurements if each.key not in results]
        if not new:
            break
        results |= _run_round(new, folder, stages(f"measurements, round {number}"))
    return results


def _run_round(measurements: Sequence[Measurement], folder: Path, progress: Progress) -> dict[str, Figures]:
    results = {each.key: kept for each in measurements if (kept := _kept(folder / f"{each.key}.json")) is not None}
    share, stopped = dict.fromkeys(results, 1.0), threading.Event()

    def work(measurement: Measurement) -> Figures:
        def on_progress(done: float, total: float, figures: Mapping[str, float] = NOTHING, /) -> None:
            share[measurement.key] = done / max(total, 1)
            if stopped.is_set():
                raise _Stopped

        figures = with_null(measurement.measure(on_progress))
        write_json(folder / f"{measurement.key}.json", figures)
        share[measurement.key] = 1.0
        return figures

    left = {each.key: partial(work, each) for each in measurements if each.key not in results}
    try:
        results |= side_by_side(left, lambda: progress(round(sum(share.values()), 2), len(measurements)))
    except BaseException:
        stopped.set()
        raise
    progress(len(measurements), len(measurements))
    return {each.key: results[each.key] for each in measurements}


def _kept(path: Path) -> Figures | None:
    """Return the figures of an earlier start; None if there are none, or if they are damaged."""
    try:
        return read_json(path)
    except InputError:
        return None


def _check_keys(measurements: Iterable[Measurement]) -> None:
    keys = [each.key for each in measurements]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise ValueError(f"two measurements have the key {twice[0]}")


class _Stopped(Exception):
    """Stops a measurement from outside."""
