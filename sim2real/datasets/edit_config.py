"""Settings of an edit; needs no library for data or images, so that `--help` is quick."""

from dataclasses import dataclass
from pathlib import Path

from sim2real.errors import InputError


@dataclass(frozen=True)
class EditConfig:
    """Settings of `sim2real edit`: what is done, in this order.

    Attributes:
        delete: indices of episodes to leave out, comma-separated: 3,7.
        split: episodes to cut in two, each with the frame that the second part begins with: 5@120,6@40.
        merge: a further dataset of the same robot, whose episodes follow.

    Raises:
        InputError: nothing to do, or something else than numbers.
    """

    delete: str | None = None
    split: str | None = None
    merge: Path | None = None

    def __post_init__(self) -> None:
        if self.delete is None and self.split is None and self.merge is None:
            raise InputError("nothing to do: give --delete 3,7, --split 5@120 or --merge OTHER")
        _ = self.deleted, self.cuts

    @property
    def deleted(self) -> frozenset[int]:
        """Return the indices of the episodes to leave out."""
        return frozenset(_number(part, "--delete", "3,7") for part in (self.delete or "").split(",") if part.strip())

    @property
    def cuts(self) -> dict[int, list[int]]:
        """Return the first frames of later parts, by episode, in order."""
        cuts: dict[int, set[int]] = {}
        for part in (self.split or "").split(","):
            if part.strip():
                episode, _, frame = part.partition("@")
                cuts.setdefault(_number(episode, "--split", "5@120"), set()).add(_number(frame, "--split", "5@120"))
        return {episode: sorted(frames) for episode, frames in cuts.items()}


def _number(text: str, option: str, example: str) -> int:
    if not text.strip().isdecimal():
        raise InputError(f"{option} takes numbers, as {example}, not {text.strip()!r}")
    return int(text)
