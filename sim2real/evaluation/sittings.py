"""What was noted of the camera each time a session was started or resumed."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sim2real.errors import CheckpointError
from sim2real.evaluation.drift import DRIFTED, FINE, UNKNOWN, Drift
from sim2real.files import read_versioned_json, write_json

FILE, FORMAT_VERSION = "sittings.json", 1
_WORSE = (FINE, UNKNOWN, DRIFTED)


@dataclass(frozen=True)
class Sitting:
    """One start of a session.

    Attributes:
        drift: how far the camera had moved; None: there was no reference.
        accepted: whether the person went on although it had, or nobody could tell.
        exposure: what is known of its exposure; empty: nothing.
    """

    drift: Drift | None
    accepted: bool
    exposure: str


def noted(run: Path, drift: Drift | None, accept: bool, exposure: str) -> tuple[Sitting, ...]:
    """Add a start to a run's file, and return all of them."""
    accepted = accept and drift is not None and drift.verdict != FINE
    sittings = (*sittings_of(run), Sitting(drift, accepted, exposure))
    write_json(run / FILE, {"format_version": FORMAT_VERSION, "sittings": [asdict(each) for each in sittings]})
    return sittings


def sittings_of(run: Path) -> tuple[Sitting, ...]:
    """Return the starts of a run; raises CheckpointError if its file is damaged."""
    if not (run / FILE).is_file():
        return ()
    content = read_versioned_json(run / FILE, FORMAT_VERSION, CheckpointError)
    try:
        return tuple(_sitting(each) for each in content["sittings"])
    except (KeyError, TypeError):
        raise CheckpointError(f"{run / FILE} is damaged") from None


def _sitting(values: dict[str, Any]) -> Sitting:
    drift = None if values["drift"] is None else Drift(**values["drift"])
    return Sitting(drift, bool(values["accepted"]), str(values["exposure"]))


def worst(sittings: tuple[Sitting, ...]) -> Drift | None:
    """Return the camera's worst verdict of all starts that compared it; None: none did."""
    known = [each.drift for each in sittings if each.drift is not None]
    return max(known, key=lambda drift: (_WORSE.index(drift.verdict), drift.largest or 0.0), default=None)
