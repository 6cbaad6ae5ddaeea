"""Domain randomization as data: fields, distributions, operations and names.

After mjlab and Tobin et al. 2017 (domain randomization): every draw starts from the nominal value, so that nothing
accumulates over resets, and draws are stored, so that each episode's world is known.
"""

import dataclasses
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np

from envs.errors import InputError, suggest
from envs.random import WorldRandom

DISTRIBUTIONS = ("uniform", "log-uniform", "normal", "choice")
OPERATIONS = ("set", "add", "scale")


@dataclass(frozen=True)
class Vary:
    """One randomized quantity.

    Attributes:
        field: a model field (`geom_rgba`, `body_mass`, ...), or `sensor.NAME`, `camera.NAME`, `task.NAME`.
        distribution: uniform or log-uniform in [low, high], normal with (mean, std), choice of any of range.
        range: (low, high), (mean, std), or the choices.
        operation: set to the draw, add it to the nominal value, or scale the nominal value by it.
        names: regular expression that matches complete names of the field's objects.
        components: entries of a vector field; empty: all.
        each: "value" draws every entry on its own, "name" one number per object, "world" one number for all.
    """

    field: str
    distribution: str
    range: tuple[float, ...]
    operation: str = "scale"
    names: str = ".*"
    components: tuple[int, ...] = ()
    each: str = "name"

    def __post_init__(self) -> None:
        for name in ("field", "names"):
            if not isinstance(getattr(self, name), str):
                raise InputError(f"{name} {getattr(self, name)!r} must be a string")
        for name, kind, kinds in (("range", Real, "numbers"), ("components", Integral, "whole numbers")):
            value = getattr(self, name)
            entries = tuple(value) if isinstance(value, Iterable) else (None,)
            if not all(isinstance(entry, kind) for entry in entries):
                raise InputError(f"{self.field}: {name} {value!r} must be a list of {kinds}")
            object.__setattr__(self, name, entries)
        for value, valid, option in (
            (self.distribution, DISTRIBUTIONS, "distribution"),
            (self.operation, OPERATIONS, "operation"),
            (self.each, ("value", "name", "world"), "each"),
        ):
            if value not in valid:
                raise InputError(f"{self.field}: {option} {value!r} is not one of {', '.join(valid)}")
        if (self.distribution != "choice" and len(self.range) != 2) or not self.range:
            raise InputError(f"{self.field}: range {self.range} must be two numbers (or choices, for choice)")
        if not np.isfinite(self.range).all():
            raise InputError(f"{self.field}: range {self.range} is not finite")
        if self.distribution in ("uniform", "log-uniform") and self.range[0] > self.range[1]:
            raise InputError(f"{self.field}: range {self.range} has its low end above its high end")
        if self.distribution == "log-uniform" and self.range[0] <= 0:
            raise InputError(f"{self.field}: a log-uniform range must be positive, not {self.range}")

    def draw(self, random: WorldRandom, ids: np.ndarray, k: int, width: float) -> np.ndarray:
        """Draw (m, k) numbers; width in [0, 1] narrows the range towards its neutral value (ADR)."""
        if self.distribution == "choice":
            return np.asarray(self.range)[random.integers(ids, k, len(self.range))]
        if self.distribution == "normal":
            mean, std = self.range
            return mean + width * std * np.clip(random.normal(ids, k), -3, 3)
        log = self.distribution == "log-uniform"
        low, high = np.log(self.range) if log else self.range
        # Only relative changes have a neutral value; the range of "set" narrows around its middle.
        unchanged = {"scale": 0.0, "add": -np.inf} if log else {"scale": 1.0, "add": 0.0}
        neutral = unchanged.get(self.operation, (low + high) / 2)
        centre = min(max(neutral, low), high)
        low, high = centre + width * (low - centre), centre + width * (high - centre)
        value = low + (high - low) * random.uniform(ids, k)
        return np.exp(value) if log else value

    @property
    def ends(self) -> tuple[float, ...]:
        """Return the ends of the range of draws, or all choices."""
        if self.distribution == "normal":
            mean, std = self.range
            return mean - 3 * abs(std), mean + 3 * abs(std)
        return self.range

    def apply(self, nominal: np.ndarray, draw: np.ndarray) -> np.ndarray:
        """Apply the operation, elementwise."""
        if self.operation == "add":
            return nominal + draw
        return nominal * draw if self.operation == "scale" else np.broadcast_to(draw, np.shape(nominal))


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"[{', '.join(map(str, value))}]"


@dataclass(frozen=True)
class Randomization:
    """A named set of quantities to vary; `Randomization()` varies nothing.

    Attributes:
        robot: the robot that it is for, such as that of identified servos; empty: any.
    """

    varied: tuple[Vary, ...] = ()
    name: str = "none"
    robot: str = ""

    @staticmethod
    def from_dict(data: Mapping, name: str) -> "Randomization":
        """Make a randomization from parsed TOML or JSON: {"vary": [{"field": ..., "range": [...], ...}, ...]}.

        Raises:
            InputError: an unknown key or an invalid value; the message names the entry.
        """
        known = {f.name: f.default is dataclasses.MISSING for f in dataclasses.fields(Vary)}
        unknown = sorted(set(data) - {"vary", "name", "robot"})
        if unknown:
            raise InputError(f"{name}: unknown {unknown}; a randomization has [[vary]] tables, and optionally a robot")
        entries = data.get("vary", [])
        if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
            raise InputError(f"{name}: vary must be a list of tables, each under a heading [[vary]]")
        varied = []
        for number, entry in enumerate(entries, 1):
            unknown, missing = sorted(set(entry) - set(known)), [k for k in known if known[k] and k not in entry]
            if unknown or missing:
                problem = f"unknown key {unknown[0]!r}" if unknown else f"key {missing[0]!r} is missing"
                raise InputError(f"{name}, entry {number}: {problem}; valid: {', '.join(known)}")
            try:
                varied.append(Vary(**entry))
            except InputError as error:
                raise InputError(f"{name}, entry {number}: {error}") from None
        return Randomization(tuple(varied), name, str(data.get("robot", "")))

    def to_toml(self, *comments: str) -> str:
        """Return the file that `load` reads as the same randomization, below lines of comment."""
        lines = [f"# {line}" for line in comments]
        if self.robot:
            lines += ["", f"robot = {_toml(self.robot)}"]
        plain = {field.name: field.default for field in dataclasses.fields(Vary)}
        for vary in self.varied:
            lines += ["", "[[vary]]"]
            values = dataclasses.asdict(vary)
            lines += [f"{name} = {_toml(value)}" for name, value in values.items() if value != plain[name]]
        return "\n".join([*lines, ""])

    @staticmethod
    def load(path: str | Path) -> "Randomization":
        """Read a TOML file.

        Raises:
            InputError: not TOML, or not a randomization; one line that names the file and the place.
            FileNotFoundError: no such file.
        """
        path = Path(path)
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InputError(f"{path} is not valid TOML: {error}") from None
        return Randomization.from_dict(data, str(path))

    def highest(self, field: str, nominal: float) -> float:
        """Return the largest possible value of a scalar field, which must not be negative."""
        for vary in self.varied:
            if vary.field == field:
                # With a neutral value ("scale" by 1), narrowing keeps it in the range or at its nearest end.
                nominal = max(float(vary.apply(np.asarray(nominal), np.asarray(end))) for end in vary.ends)
        return nominal

    def to_dict(self) -> dict:
        """Return data for from_dict."""
        robot = {"robot": self.robot} if self.robot else {}
        return {"name": self.name, **robot, "vary": [dataclasses.asdict(v) for v in self.varied]}


@dataclass(frozen=True)
class Target:
    """The values of one field: live arrays per world, and nominal values.

    Attributes:
        values: (n, objects, components) view of the live array.
        nominal: (objects, components) nominal values.
        names: names of the objects.
    """

    values: np.ndarray
    nominal: np.ndarray
    names: tuple[str, ...]


def _unique(labels: list[str]) -> list[str]:
    """Append #2, #3, ... to repeated labels, from several entries for a field or objects with equal or no names."""
    seen: Counter[str] = Counter()
    unique = []
    for label in labels:
        seen[label] += 1
        unique.append(label if seen[label] == 1 else f"{label}#{seen[label]}")
    return unique


class Randomizer:
    """A Randomization bound to live arrays of n worlds; draws at reset and stores the draws.

    Args:
        randomization: the randomization.
        resolve: returns the Target of a field name.
        num_worlds: number of worlds n.

    Attributes:
        labels: (D,) names of the drawn numbers, `field/name`.
        drawn: (n, D) the numbers drawn at each world's last reset; NaN before the first.
        width: share of every range in use, in [0, 1] (1 unless automatic domain randomization narrows it).

    Raises:
        InputError: an unknown field, name or component; the valid ones are listed.
    """

    def __init__(self, randomization: Randomization, resolve: Callable[[str], Target], num_worlds: int) -> None:
        self.randomization, self.width = randomization, 1.0
        self._bound: list[tuple[Vary, Target, np.ndarray, np.ndarray, slice]] = []
        self.labels: list[str] = []
        for vary in randomization.varied:
            target = resolve(vary.field)
            try:
                pattern = re.compile(vary.names)
            except re.error as error:
                raise InputError(f"{vary.field}: names {vary.names!r} is not a regular expression: {error}") from None
            rows = np.array([i for i, name in enumerate(target.names) if pattern.fullmatch(name)], int)
            if not len(rows):
                raise InputError(f"{vary.field}: no name matches {vary.names!r}; {suggest(vary.names, target.names)}")
            size = target.nominal.shape[1]
            columns = np.array(vary.components or range(size), int)
            if columns.min() < 0 or columns.max() >= size:
                raise InputError(f"{vary.field}: components {vary.components} are not all in 0…{size - 1}")
            first = len(self.labels)
            self.labels += {
                "world": [vary.field],
                "name": [f"{vary.field}/{target.names[r]}" for r in rows],
                "value": [f"{vary.field}/{target.names[r]}[{c}]" for r in rows for c in columns],
            }[vary.each]
            self._bound.append((vary, target, rows[:, None], columns, slice(first, len(self.labels))))
        self.labels = _unique(self.labels)
        # A normal number is made of two uniform ones.
        self._numbers = sum((1 + (vary.distribution == "normal")) * (w.stop - w.start) for vary, *_, w in self._bound)
        self.drawn = np.full((num_worlds, len(self.labels)), np.nan)

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the varied fields, each once."""
        return tuple(dict.fromkeys(vary.field for vary, *_ in self._bound))

    def draw(self, ids: np.ndarray, random: WorldRandom) -> None:
        """Draw new values for worlds ids (m,), from nominal ones."""
        worlds = np.asarray(ids)[:, None, None]  # with rows (r, 1) and columns (c,) an index of (m, r, c) entries
        for _, target, rows, columns, _ in self._bound:
            target.values[worlds, rows, columns] = target.nominal[rows, columns]
        random = random.ahead(ids, self._numbers)
        for vary, target, rows, columns, where in self._bound:
            drawn = vary.draw(random, ids, where.stop - where.start, self.width)
            self.drawn[ids, where] = drawn
            shape = {"world": (-1, 1, 1), "name": (-1, len(rows), 1), "value": (-1, len(rows), len(columns))}[vary.each]
            index = worlds, rows, columns
            target.values[index] = vary.apply(target.values[index], drawn.reshape(shape))

    def episode(self, world: int) -> dict[str, float]:
        """Return the values drawn for one world's current episode."""
        return dict(zip(self.labels, self.drawn[world].tolist(), strict=True))
