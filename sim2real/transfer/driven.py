"""Candidates in closed loop on a rebuilt track: who drives overrules who predicts.

Offline errors do not tell which policy drives: of three candidates with the same error, one drove 98 of 100 laps and
the others 1 and 6 (see also Codevilla et al. 2018, arXiv 1809.04843).
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from policies.policy import Policy
from sim2real.progress import Progress, silent
from sim2real.statistics.agreement import Estimate
from sim2real.statistics.bootstrap import Bootstrap
from sim2real.statistics.rates import RateDifference
from sim2real.tracks.drawing.rendering import MapRenderer
from sim2real.tracks.driving.figures import lap_figures
from sim2real.tracks.driving.laps import Laps
from sim2real.tracks.driving.loop import draw_episodes, drive
from sim2real.tracks.driving.policy_driver import policy_driver
from sim2real.tracks.rebuilt import RebuiltTrack
from sim2real.transfer.fitting.jobs import side_by_side
from sim2real.transfer.gate import CALLED

SEED = 20_000_000  # of the first lap: others than those of `evaluate`


@dataclass(frozen=True)
class Driven:
    """The same laps, driven by every candidate.

    Attributes:
        track: name of the rebuilt track.
        fps: control steps per second.
        laps: candidate -> its laps.
    """

    track: str
    fps: float
    laps: Mapping[str, Laps]

    def more(self, first: str, second: str) -> Estimate:
        """Return interventions per lap of the first candidate minus those of the second, paired by lap.

        A lap that was not finished in time counts as one more.
        """
        difference = (_failures(self.laps[first]) - _failures(self.laps[second])).astype(float)
        bootstrap, value = Bootstrap(len(difference)), float(difference.mean())
        means = bootstrap.weights @ difference / len(difference)
        return Estimate(value, *(bootstrap.interval(value, means) or (None, None)))

    def metrics(self) -> dict[str, Any]:
        """Return the content for `metrics.json`."""
        first = next(iter(self.laps))
        figures = {name: lap_figures(laps, self.fps) for name, laps in self.laps.items()}
        for name, each in self.laps.items():
            if name != first:
                figures[name]["difference"] = RateDifference.of(self.laps[first].clean, each.clean).to_dict()
        return {"track": self.track, "candidates": figures}

    def overruled(self, chosen: str) -> tuple[str, str]:
        """Return the candidate to use, and why: the best driver, if it has clearly fewer interventions than the chosen.

        Clearly: the 95 % interval of the paired difference lies below 0. Otherwise the one chosen offline stays.
        """
        better = [name for name in self.laps if name != chosen and _below(self.more(name, chosen))]
        best = min(better, key=lambda name: _failures(self.laps[name]).mean(), default=chosen)
        if best == chosen:
            return chosen, f"{CALLED.get(chosen, chosen)} drives {self._said(chosen)}: none has clearly fewer"
        names = CALLED.get(best, best), CALLED.get(chosen, chosen)
        return best, f"{names[0]} drives better than {names[1]}: {self._said(best)} against {self._said(chosen)}"

    def _said(self, name: str) -> str:
        laps, clean = self.laps[name], int(self.laps[name].clean.sum())
        return f"{clean} of {len(laps.clean)} laps without intervention ({laps.interventions.mean():.2g} per lap)"


def drive_candidates(
    track: RebuiltTrack, policies: Mapping[str, Policy], laps: int, progress: Progress = silent
) -> Driven:
    """Drive the same laps of a rebuilt track with every candidate."""
    episodes, renderer = draw_episodes(track, laps, SEED), MapRenderer(track)
    shares, stopped = dict.fromkeys(policies, 0.0), threading.Event()

    def driven(name: str) -> Laps:
        def watch(done: float, total: float, *_: Any) -> None:
            shares[name] = done / total
            if stopped.is_set():
                raise KeyboardInterrupt

        return drive(policy_driver(policies[name], renderer), episodes, watch)

    work = {name: (lambda name=name: driven(name)) for name in policies}
    try:
        done = side_by_side(work, lambda: progress(round(sum(shares.values()), 2), len(policies)))
    except BaseException:
        stopped.set()  # running laps end with their next step
        raise
    progress(len(policies), len(policies))
    return Driven(track.folder.name, track.fps, done)


def _failures(laps: Laps) -> np.ndarray:
    return laps.interventions + ~laps.finished


def _below(estimate: Estimate) -> bool:
    return estimate.high is not None and estimate.high < 0
