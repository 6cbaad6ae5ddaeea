"""Split into fitted and held-out episodes: by session, where a recording names several."""

from dataclasses import dataclass, replace

import numpy as np

from sim2real.errors import InputError
from sim2real.recordings.arm_logs import Log
from sim2real.statistics.units import Units


@dataclass(frozen=True)
class Split:
    """The fitted and the held-out episodes."""

    fit: tuple[Log, ...]
    held_out: tuple[Log, ...]

    @property
    def units(self) -> Units:
        """Return the independent units of the held-out episodes: their sessions, or each episode."""
        kind = "episode" if any(log.session is None for log in self.held_out) else "session"
        return Units.undivided(np.array([log.unit for log in self.held_out]), kind)


def split_episodes(logs: tuple[Log, ...], share: float, seed: int) -> Split:
    """Split sessions, or episodes without, by a seeded shuffle; raises InputError if there is nothing to hold out."""
    if len(logs) < 2:
        raise InputError(f"{len(logs)} episode of at least a second: there is nothing to hold out; record at least 2")
    units = list(dict.fromkeys(log.unit for log in logs))
    count = min(len(units) - 1, max(2 if len(units) > 3 else 1, round(share * len(units))))
    held = {units[k] for k in np.random.default_rng(seed).permutation(len(units))[:count]}
    return Split(tuple(log for log in logs if log.unit not in held), tuple(log for log in logs if log.unit in held))


def some_rows(logs: tuple[Log, ...], limit: int, seed: int) -> tuple[Log, ...]:
    """Choose random logs, long ones cut to their start, with at most `limit` rows in total."""
    chosen, left = [], limit
    for k in np.random.default_rng(seed).permutation(len(logs)):
        rows = min(len(logs[k]), max(limit // min(8, len(logs)), 30), left)
        if rows < min(30, len(logs[k])):
            break
        chosen.append(replace(logs[k], state=logs[k].state[:rows], command=logs[k].command[:rows]))
        left -= rows
    return tuple(sorted(chosen, key=lambda log: log.index))


def check_motion(logs: tuple[Log, ...], least: float = 0.05) -> None:
    """Raise InputError if the robot hardly moves, so that nothing can be identified."""
    travel = max(float(np.ptp(log.state, axis=0).max()) for log in logs)
    if travel < least:
        raise InputError(f"no joint moves by more than {travel:.2g} rad in an episode: nothing can be identified")
