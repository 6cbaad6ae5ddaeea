"""What every part of a study offers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sim2real.progress import Stages
from sim2real.studies.measurements import Figures, Measurement


@dataclass(frozen=True)
class Verdict:
    """Whether a claim holds here.

    Attributes:
        claim: the claim, as a sentence without a full stop.
        holds: whether it holds; None: the figures do not decide it.
        figures: the figures that say so, in sentences.
    """

    claim: str
    holds: bool | None
    figures: str

    def __str__(self) -> str:
        word = {True: "holds here", False: "does not hold here", None: "is not decided here"}[self.holds]
        return f"“{self.claim}” {word}. {self.figures}"


@dataclass(frozen=True)
class Summary:
    """What a part found.

    Attributes:
        verdicts: claims, in the order in which they are printed.
        left_out: what the whole grid has beyond this one, in words.
        figures: everything that the page shows, as plain JSON: estimates, the grid that was searched, seeds.
    """

    verdicts: tuple[Verdict, ...]
    left_out: tuple[str, ...]
    figures: Figures


class Part(Protocol):
    """A part of a study: independent measurements, and what follows from them.

    It is made of (config: StudyConfig, folder: Path); the folder is the run's, which other parts use, too.
    """

    def prepare(self, stages: Stages) -> None:
        """Make what all measurements need, unless an earlier start made it: frames, a teacher, a policy.

        Raises:
            InputError: the settings do not fit together.
        """
        ...

    def measurements(self, results: Mapping[str, Figures]) -> Sequence[Measurement]:
        """Return all measurements that can be made when these results are known, those that made them included."""
        ...

    def summary(self, results: Mapping[str, Figures]) -> Summary:
        """Return what follows from the results of all measurements."""
        ...


def left_out(*grid: tuple[str, Iterable[str | float], Iterable[str | float]]) -> tuple[str, ...]:
    """Return what the whole grid has beyond the measured one, in words.

    Args:
        grid: name of what varies, the values that were measured, and all of them.
    """
    lines = []
    for name, here, whole in grid:
        measured = list(here)
        missing = [each if isinstance(each, str) else f"{each:g}" for each in whole if each not in measured]
        lines += [f"{name} {', '.join(missing)}"] if missing else []
    return tuple(lines)


def plain(summary: Summary) -> dict[str, Any]:
    """Return a summary as JSON."""
    verdicts = [{"claim": v.claim, "holds": v.holds, "figures": v.figures} for v in summary.verdicts]
    return {"verdicts": verdicts, "left_out": list(summary.left_out), **summary.figures}
