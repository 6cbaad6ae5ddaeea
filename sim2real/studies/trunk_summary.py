"""What the trained networks say about shared trunks: errors, changes by sharing, the closed loop, and verdicts."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from sim2real.statistics.agreement import Estimate
from sim2real.statistics.rates import Rate, RateDifference
from sim2real.studies.estimates import Resamples, side
from sim2real.studies.measurements import Figures
from sim2real.studies.networks import TASKS, Network
from sim2real.studies.part import Summary, Verdict
from sim2real.studies.trunk_grid import Arms, chosen_rates, final_key, mean_error, trial_key

REFERENCE = "separate"
HELPS = "Sharing a trunk lowers the errors of separate networks"
ALONE = "Sharing a trunk lowers the errors of separate networks even if each drawn frame is labelled for one task only"
HURTS = "Sharing hurts only when the network is small"
NO_HARM = 0.05  # relative change of an error that counts as none
Changes = Mapping[int, Mapping[str, Estimate]]
"""By width and task, the relative change of the error by sharing."""


def summarize(
    arms: Mapping[int, Arms],
    operations: Mapping[int, Mapping[str, int]],
    rates: Sequence[float],
    seeds: Sequence[int],
    results: Mapping[str, Figures],
) -> Summary:
    """Return the summary of all results.

    Args:
        arms: by width.
        operations: of each arm for one frame, by width.
    """
    figures: Figures = {"arms": {}, "driven": {}, "seeds": list(seeds), "unit": "layouts of the validation split"}
    count = len(arms) * len(TASKS)  # of changes that a verdict rests on
    equal_width: dict[int, dict[str, Estimate]] = {}
    equal_samples: dict[int, dict[str, Estimate]] = {}
    equal_operations: dict[int, dict[str, Estimate]] = {}
    for width, each in arms.items():
        sums, resamples = _sums(each, seeds, results)
        for changes, ours, theirs in (
            (equal_width, "shared", REFERENCE),
            (equal_samples, "mixed", REFERENCE),
            (equal_operations, "shared", "narrow"),
        ):
            changes[width] = {t: resamples.change(sums[ours][t], sums[theirs][t], count) for t in TASKS}
        figures["arms"][str(width)] = {
            arm: {
                "channels": [network.width for network in networks],
                "operations": operations[width][arm],
                "error": {t: resamples.error(sums[arm][t]).to_dict() for t in TASKS},
                "change": {t: resamples.change(sums[arm][t], sums[REFERENCE][t]).to_dict() for t in TASKS},
            }
            for arm, networks in each.items()
        }
        figures["driven"][str(width)] = _driven(each, seeds, results)
        figures["shared_against_narrow"] = figures.get("shared_against_narrow", {}) | {
            str(width): {task: change.to_dict() for task, change in equal_operations[width].items()}
        }
    figures["search"] = _search(arms, rates, results)
    verdicts = (
        helps(HELPS, {"equal width": equal_width, "equal operations in all": equal_operations}),
        helps(ALONE, {"equal width and equal samples per task": equal_samples}),
        hurts(equal_width),
    )
    return Summary(verdicts, (), figures)


def helps(claim: str, comparisons: Mapping[str, Changes]) -> Verdict:
    """Judge whether sharing helps, and say where.

    It holds if in the first comparison some error is shown to be smaller and none to be larger; it does not if some is
    shown to be larger and none to be smaller.

    Args:
        comparisons: what is equal -> changes; those after the first are only told.
    """
    better, worse = (_places(next(iter(comparisons.values())), wanted) for wanted in (-1, 1))
    text = " ".join(f"At {equal} {_tally(changes)}." for equal, changes in comparisons.items())
    return Verdict(claim, None if bool(better) == bool(worse) else bool(better), text)


def hurts(equal_width: Changes) -> Verdict:
    """Judge whether sharing hurts, and only in the smallest network.

    It holds if some error is shown to be larger at the smallest width, and all intervals of larger ones end at or below
    NO_HARM; it does not if one is shown at a larger width, or if none can be at the smallest (all end at or below 0).
    """
    small, *larger = sorted(equal_width)
    at_small = _places({small: equal_width[small]}, 1)
    at_larger = _places({width: equal_width[width] for width in larger}, 1)
    if at_larger:
        return Verdict(HURTS, False, f"It hurts in larger networks, too: {', '.join(at_larger)}.")
    harmless = all(c.high is not None and c.high <= NO_HARM for width in larger for c in equal_width[width].values())
    if at_small and larger:
        margin = f"by more than {100 * NO_HARM:.0f} %"
        larger_ones = f"it hurts nothing {margin}" if harmless else f"that it hurts nothing {margin} is not shown"
        text = f"It hurts {', '.join(at_small)}; at larger widths, {larger_ones}."
        return Verdict(HURTS, True if harmless else None, text)
    if all(change.high is not None and change.high <= 0 for change in equal_width[small].values()):
        return Verdict(HURTS, False, f"It hurts no task at the smallest width, {small}, either.")
    why = "" if larger else "There is one width only. "
    return Verdict(HURTS, None, f"{why}At width {small} {_tally({small: equal_width[small]})}.")


def percent(change: Estimate) -> str:
    """Return a relative change in words: `-12 % [-15, -9]`."""
    interval = (
        "" if change.low is None or change.high is None else f" [{100 * change.low:+.0f}, {100 * change.high:+.0f}]"
    )
    return f"{100 * change.value:+.0f} %{interval}"


def _places(changes: Changes, wanted: int) -> list[str]:
    return [
        f"{task} at width {width} ({percent(change)})"
        for width, tasks in changes.items()
        for task, change in tasks.items()
        if side(change) == wanted
    ]


def _tally(changes: Changes) -> str:
    """Return where sharing helps and hurts, and in how many cases neither is shown."""
    helped, hurt = (", ".join(_places(changes, side)) or "nowhere" for side in (-1, 1))
    count = sum(map(len, changes.values()))
    return f"it helps {helped}; it hurts {hurt}; neither is shown in {len(_places(changes, 0))} of {count} cases"


def _sums(
    arms: Arms, seeds: Sequence[int], results: Mapping[str, Figures]
) -> tuple[dict[str, dict[str, np.ndarray]], Resamples]:
    """Return the sums of errors (seeds, layouts) by arm and task, and the resamples of seeds and layouts."""
    sums = {}
    for arm, networks in arms.items():
        owner = {task: network for network in networks for task in network.tasks}
        sums[arm] = {
            task: np.array([results[final_key(network, seed)]["errors"][task] for seed in seeds], float)
            for task, network in owner.items()
        }
    first = arms[REFERENCE][0]
    return sums, Resamples(np.array(results[final_key(first, seeds[0])]["frames"]))


def _driven(arms: Arms, seeds: Sequence[int], results: Mapping[str, Figures]) -> dict[str, Figures]:
    """Return each arm's closed loop, paired with the separate networks' over the same episodes; empty if none drove."""
    columns = {arm: _episodes(_driver(networks), seeds, results) for arm, networks in arms.items()}
    success, offset = columns[REFERENCE]
    if not len(success):
        return {}
    units = Resamples(np.ones(len(success)))
    return {
        arm: {
            "success": Rate.of(int(own.sum()), len(own)).to_dict(),
            "success_difference": RateDifference.of(success, own).to_dict(),
            "offset": units.error(aside[None]).to_dict(),
            "offset_change": units.change(aside[None], offset[None]).to_dict(),
        }
        for arm, (own, aside) in columns.items()
    }


def _driver(networks: Iterable[Network]) -> Network:
    return next(network for network in networks if "steering" in network.tasks)


def _episodes(network: Network, seeds: Sequence[int], results: Mapping[str, Figures]) -> tuple[np.ndarray, np.ndarray]:
    """Return the success (bool) and mean offset of all episodes of all seeds."""
    driven = [results[final_key(network, seed)].get("driven", {"success": [], "offset": []}) for seed in seeds]
    success = np.concatenate([np.array(each["success"], bool) for each in driven])
    return success, np.concatenate([np.array(each["offset"], float) for each in driven])


def _search(arms: Mapping[int, Arms], rates: Sequence[float], results: Mapping[str, Figures]) -> dict[str, Figures]:
    """Return the errors of the trials by network and rate, the rate that was chosen, and whether it is at the edge."""
    networks = {n.name: n for each in arms.values() for arm in each.values() for n in arm}
    chosen = chosen_rates(list(networks.values()), rates, results)
    return {
        name: {
            "tried": {f"{rate:g}": mean_error(results[trial_key(network, rate)]) for rate in rates},
            "chosen": chosen[name],
            "at_edge": chosen[name] in (min(rates), max(rates)),
        }
        for name, network in networks.items()
    }
