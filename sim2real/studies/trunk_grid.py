"""The grid of the study's part on shared trunks: its arms, the keys of its measurements, and the search of rates."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from policies.policy import PolicyConfig
from sim2real.studies.measurements import Figures
from sim2real.studies.networks import TASKS, Network

Arms = Mapping[str, tuple[Network, ...]]
"""The networks of each arm at one width: they have a head for each task, together."""


def make_arms(width: int, base: PolicyConfig) -> Arms:
    """Return the networks of each arm; together they have a head for each task."""
    shared = Network(tuple(TASKS), width)
    wanted = shared.operations(base)

    def separate(channels: int) -> tuple[Network, ...]:
        return tuple(Network((task,), channels) for task in TASKS)

    def total(channels: int) -> int:
        return sum(each.operations(base) for each in separate(channels))

    above = min(bisect_left(range(1, width + 1), wanted, key=total) + 1, width)  # the first that has as many
    narrow = min((max(above - 1, 1), above), key=lambda channels: abs(total(channels) - wanted))
    return {
        "separate": separate(width),
        "shared": (shared,),
        "mixed": (replace(shared, mixed=True),),
        "narrow": separate(narrow),
    }


def trial_key(network: Network, rate: float) -> str:
    return f"try-{network.name}-{rate:g}"


def final_key(network: Network, seed: int) -> str:
    return f"{network.name}-seed{seed}"


def chosen_rates(
    networks: Sequence[Network], rates: Sequence[float], results: Mapping[str, Figures]
) -> dict[str, float]:
    """Return each network's rate with the smallest error, the mean over its tasks, in the trials."""
    tried = {n.name: {rate: mean_error(results[trial_key(n, rate)]) for rate in rates} for n in networks}
    return {name: min(errors, key=lambda rate: errors[rate]) for name, errors in tried.items()}


def mean_error(figures: Figures) -> float:
    """Return the mean error over frames and tasks; infinite if training diverged."""
    errors = [np.array(each, float).sum() / sum(figures["frames"]) for each in figures["errors"].values()]
    value = float(np.mean(errors))
    return value if np.isfinite(value) else float("inf")
