"""Consistency of a tub's records, from their indices, times and sessions only."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim2real.datasets.donkeycar.record import Record, Verdict
from sim2real.datasets.donkeycar.tub import Tub
from sim2real.errors import InputError


@dataclass(frozen=True)
class Rules:
    """Rules for selecting a tub's records and cutting them into episodes.

    Attributes:
        include_deleted: keep records that the owner deleted.
        max_gap: longest time [s] between two frames of an episode.
        min_frames: minimum number of frames of an episode.
        fps: nominal frame rate [Hz].
        autopilot: keep what an autopilot drove, with its commands as actions.
    """

    include_deleted: bool = False
    max_gap: float = 0.5
    min_frames: int = 1
    fps: float = 20.0
    autopilot: bool = False

    def __post_init__(self) -> None:
        if not self.max_gap > 0 or not self.fps > 0 or self.min_frames < 1:
            raise InputError("max_gap and fps must be positive, min_frames at least 1")


def set_verdicts(tub: Tub, rules: Rules) -> None:
    """Set the verdict of each unusable record; images are checked later."""
    owners = _owners(_kept(tub.records), rules.max_gap)
    for record in _overwritten(owners):
        record.verdict = Verdict.STALE
    by_index = sorted(_kept(owners), key=lambda record: record.index)
    if not rules.include_deleted:
        for record in by_index:
            if record.index in tub.deleted:
                record.verdict = Verdict.DELETED
    for record in _contradicted(by_index, rules.max_gap):
        if record.verdict is Verdict.KEPT:
            record.verdict = Verdict.CLOCK
    for record in _kept(by_index):
        if rules.autopilot:
            record.action = record.driven()
        if record.mode != "user" and not rules.autopilot:
            record.verdict = Verdict.AUTOPILOT
        elif not all(abs(value) <= 1 for value in record.action):  # NaN compares false
            record.verdict = Verdict.ACTION


def cut(records: Iterable[Record], rules: Rules) -> list[list[Record]]:
    """Cut the kept records into episodes; records of too short episodes get their verdict.

    An episode ends where the session changes, the clock goes back, or a gap exceeds `max_gap`, measured by the clock or
    by the index, which counts records independently of the clock.
    """
    pieces: list[list[Record]] = []
    for record in sorted(_kept(records), key=lambda record: record.index):
        last = pieces[-1][-1] if pieces else None
        if (
            last is None
            or record.session != last.session
            or not 0 <= record.time - last.time <= rules.max_gap
            or record.index - last.index > 1 + rules.max_gap * rules.fps
        ):
            pieces.append([])
        pieces[-1].append(record)
    for piece in pieces:
        if len(piece) < rules.min_frames:
            for record in piece:
                record.verdict = Verdict.SHORT
    return [piece for piece in pieces if len(piece) >= rules.min_frames]


def _kept(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if record.verdict is Verdict.KEPT]


def _owners(records: list[Record], max_gap: float) -> list[Record]:
    """Return one record per index, the latest by time, which wrote the image; the others get their verdict."""
    same = defaultdict(list)
    for record in records:
        same[record.index].append(record)
    for group in same.values():
        # Of records at the same time the last written: `max` takes the first of equals.
        owner = max(reversed(group), key=lambda record: record.time)
        for record in group:
            if record is not owner:
                again = record.session == owner.session and owner.time - record.time <= max_gap
                record.verdict = Verdict.DUPLICATE if again else Verdict.STALE
    return _kept(records)


def _overwritten(records: list[Record]) -> list[Record]:
    """Return records whose image was overwritten by a later recording whose own line for that index is lost.

    A recording is a series of lines with increasing index and time. If its last line before index i is later than
    another line for i, and it continues beyond i, then it wrote image i after that other line.
    """
    index = np.array([record.index for record in records])
    time = np.array([record.time for record in records])
    if not len(index):
        return []
    breaks = np.flatnonzero((np.diff(index) <= 0) | (np.diff(time) < 0)) + 1
    run = np.repeat(np.arange(len(breaks) + 1), np.diff(np.r_[0, breaks, len(index)]))
    order = np.argsort(index)
    lost = np.zeros(len(index), bool)
    for start, stop in zip(np.r_[0, breaks], np.r_[breaks, len(index)], strict=True):
        if index[stop - 1] - index[start] == stop - 1 - start:
            continue  # no line is lost
        span = order[np.searchsorted(index[order], index[start]) : np.searchsorted(index[order], index[stop - 1])]
        others = span[run[span] != run[start]]
        before = start + np.searchsorted(index[start:stop], index[others], side="right") - 1
        lost[others] |= time[before] > time[others]
    return [records[k] for k in np.flatnonzero(lost)]


def _contradicted(by_index: list[Record], max_gap: float) -> list[Record]:
    """Return single records whose time is inconsistent with their neighbours, which agree with each other."""
    wrong = []
    for before, record, after in zip(by_index, by_index[1:], by_index[2:], strict=False):
        near = after.index - before.index == 2 and 0 <= after.time - before.time <= 2 * max_gap
        if near and not before.time <= record.time <= after.time:
            wrong.append(record)
    return wrong
