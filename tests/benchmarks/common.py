"""What the benchmarks share: fair timing on a machine that is not ours alone, and the facts about that machine."""

import os
import platform
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2real.runs import versions

Work = Callable[[], int]
"""Does a piece of work, some milliseconds to half a second long, and returns how much that was (steps, frames)."""


@dataclass(frozen=True)
class Result:
    """One line of the table.

    Attributes:
        group: the benchmark it belongs to.
        subject: what of this project was measured.
        value: its figure; NaN when it could not be measured.
        unit: of both figures.
        rival: what it is compared with, starting with `limit:` (what the hardware or the engine beneath allows) or
            `instead:` (what one would use otherwise).
        other: the rival's figure.
        ratio: above 1 this project is the faster one.
        target: the ratio that is wanted; None without one.
        remark: why there are no figures, or what to know about them.
    """

    group: str
    subject: str
    value: float
    unit: str
    rival: str
    other: float
    ratio: float
    target: float | None = None
    remark: str = ""


def rate(work: Work, seconds: float) -> float:
    """Amount of work per second, over whole pieces that last at least so many seconds together."""
    start, done = time.perf_counter(), 0
    while (spent := time.perf_counter() - start) < seconds or not done:
        done += work()
    return done / spent


def alternate(contenders: Mapping[str, Work], rounds: int, seconds: float) -> dict[str, np.ndarray]:
    """Rates (rounds,) of every contender, measured in turn in short rounds after one to warm up.

    What else the machine does then slows all of them alike, and a ratio within a round holds; the order is reversed
    in every other round, so that none always comes first.
    """
    for work in contenders.values():
        work()
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in list(contenders)[:: 1 if number % 2 == 0 else -1]:
            rates[name].append(rate(contenders[name], seconds))
    return {name: np.array(values) for name, values in rates.items()}


def alternate_calls(contenders: Mapping[str, Callable[[], object]]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Calls per second of every contender, in ten rounds as in `alternate`, and their latencies in words."""
    spent: dict[str, list[float]] = {name: [] for name in contenders}

    def timed(name: str) -> int:
        start = time.perf_counter()
        contenders[name]()
        spent[name].append(time.perf_counter() - start)
        return 1

    rates = alternate({name: lambda name=name: timed(name) for name in contenders}, 10, 0.4)
    percentiles = {name: np.percentile(1e3 * np.array(values[20:]), (50, 99)) for name, values in spent.items()}
    return rates, {name: f"p50 {low:.2f} ms, p99 {high:.2f} ms" for name, (low, high) in percentiles.items()}


def compare(
    group: str,
    subject: str,
    rates: np.ndarray,
    unit: str,
    rival: str,
    others: np.ndarray,
    target: float | None = None,
    remark: str = "",
) -> Result:
    """A result from the rates (rounds,) of two contenders of `alternate`; its ratio is the median over the rounds."""
    ratio = float(np.median(rates / others))
    return Result(group, subject, float(np.median(rates)), unit, rival, float(np.median(others)), ratio, target, remark)


def skipped(group: str, subject: str, value: float, unit: str, rival: str, reason: str) -> Result:
    """A result whose rival could not be measured here."""
    return Result(group, subject, value, unit, rival, np.nan, np.nan, remark=f"skipped: {reason}")


def cores() -> int:
    """CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine_facts() -> dict[str, str | int | float]:
    """Processor, cores, load average over the last minute (NaN where there is none), versions."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        names = [line.split(":", 1)[1] for line in information.read_text().splitlines() if "model name" in line]
        model = names[0].strip() if names else model
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else np.nan
    return {"cpu": model, "cores": cores(), "load": round(load, 2), "system": platform.platform(), **versions()}
