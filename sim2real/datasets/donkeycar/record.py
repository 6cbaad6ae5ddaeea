"""One record of a tub, and the possible verdicts on it."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The verdict on a record; each has exactly one."""

    KEPT = "kept"
    MALFORMED = "malformed"
    UNLISTED = "unlisted"
    DUPLICATE = "duplicate"
    STALE = "stale"
    DELETED = "owner_deleted"
    CLOCK = "clock"
    AUTOPILOT = "autopilot"
    ACTION = "bad_action"
    MISSING = "missing_image"
    UNREADABLE = "unreadable_image"
    SHORT = "too_short"


MEANING = {
    Verdict.KEPT: "consistent, in the dataset",
    Verdict.MALFORMED: "not a complete JSON record",
    Verdict.UNLISTED: "in a catalog that the manifest does not name: an earlier recording",
    Verdict.DUPLICATE: "the same record again",
    Verdict.STALE: "of an earlier recording: a later one overwrote the image",
    Verdict.DELETED: "deleted by the owner (--include-deleted keeps them)",
    Verdict.CLOCK: "its time contradicts the records around it",
    Verdict.AUTOPILOT: "driven by an autopilot: the user's values were not what the car did (--autopilot)",
    Verdict.ACTION: "steering or throttle absent, not a number, or outside [-1, 1]",
    Verdict.MISSING: "no image file",
    Verdict.UNREADABLE: "the image is truncated or damaged",
    Verdict.SHORT: "in a piece shorter than --min-frames",
}


@dataclass(slots=True)
class Record:
    """A line of a catalog.

    Attributes:
        catalog: name of its file.
        line: line number in the file, from 0.
        index: index of the record and its image; -1 if missing.
        session: name of the recording session.
        time: time [s] since 1970.
        image: name of the image file.
        action: steering (positive is right) and throttle, as the user commanded; NaN where absent.
        pilot: the same as an autopilot commanded it, which tubs of RECORD_DURING_AI have.
        mode: driving mode: "user", "local_angle", "local".
    """

    catalog: str
    line: int
    index: int = -1
    session: str = ""
    time: float = math.nan
    image: str = ""
    action: tuple[float, float] = (math.nan, math.nan)
    pilot: tuple[float, float] = (math.nan, math.nan)
    mode: str = "user"
    verdict: Verdict = Verdict.KEPT

    def driven(self) -> tuple[float, float]:
        """Return what the car was told, by its user or an autopilot; NaN where the tub does not have it."""
        steering = self.action[0] if self.mode == "user" else self.pilot[0]
        return steering, self.pilot[1] if self.mode not in ("user", "local_angle") else self.action[1]
