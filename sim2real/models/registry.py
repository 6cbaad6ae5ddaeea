"""The policies that ship with the package: what made them, what they can do, and the SHA-256 of each file."""

from dataclasses import dataclass
from pathlib import Path

from sim2real.errors import CheckpointError, InputError
from sim2real.files.atomic import read_versioned_json
from sim2real.files.configs import from_plain
from sim2real.models.hashes import verify

FORMAT_VERSION = 1
ROOM = Path(__file__).parent
"""Holds `registry.json`, and `weights/NAME/` of every policy that it lists."""


@dataclass(frozen=True)
class Figure:
    """A measured figure of a shipped policy.

    Attributes:
        what: the quantity, in words.
        where: what it was measured on, in words.
        command: the command that measured it.
        value, low, high: the figure, and its 95 % interval.
        count: number of independent units.
        units: what these are: episodes, laps, blocks of 30 s.
        rate: whether the figure is a share of the units, which is shown in percent.
    """

    what: str
    where: str
    command: str
    value: float
    low: float
    high: float
    count: int
    units: str = "episodes"
    rate: bool = True

    def __str__(self) -> str:
        if self.rate:
            return (
                f"{100 * self.value:.1f} % [{100 * self.low:.1f}, {100 * self.high:.1f}] of {self.count} {self.units}"
            )
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}], {self.count} {self.units}"


@dataclass(frozen=True)
class Model:
    """A shipped policy.

    Attributes:
        task: the task that it was trained for.
        about: what it sees and does, in a sentence.
        selected: among which candidates it was chosen, by which figures, and on what, in sentences.
        commands: the commands that made it, in their order.
        revision: git revision of the code that ran them.
        seed: seed of the training.
        size: bytes of all its files.
        files: SHA-256 of each file, in hex.
        figures: what it can do.
    """

    task: str
    about: str
    selected: str
    commands: tuple[str, ...]
    revision: str
    seed: int
    size: int
    files: dict[str, str]
    figures: tuple[Figure, ...]


def read_registry(room: Path = ROOM) -> dict[str, Model]:
    """Return the shipped policies by name; raises InputError if the package's list of them is damaged."""
    path = room / "registry.json"
    if not path.is_file():
        return {}
    content = read_versioned_json(path, FORMAT_VERSION, CheckpointError)
    try:
        return from_plain(dict[str, Model], content.get("models"))
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; install sim2real again") from None


def shipped_folder(name: str, room: Path = ROOM) -> Path:
    """Return the folder of a shipped policy, with every file verified.

    Raises:
        InputError: no policy of that name.
        CheckpointError: a file is missing or damaged.
    """
    models = read_registry(room)
    if name not in models:
        raise InputError(f"no shipped policy {name!r}: `sim2real models` lists them")
    folder = room / "weights" / name
    verify(folder, models[name].files, "install sim2real again")
    return folder
