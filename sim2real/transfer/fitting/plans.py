"""Transfer plans as data: which parts of a policy are frozen, fine-tuned or trained from scratch."""

import dataclasses
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from policies.stages import STAGE_NAMES
from sim2real.errors import InputError, suggest

PARTS = (*STAGE_NAMES, "head")
RESERVED = ("zero-shot", "auto")
PLANS_FILE = Path(__file__).with_name("plans.toml")


@dataclass(frozen=True)
class TransferPlan:
    """How each part of a pretrained policy is trained.

    Attributes:
        name: name of the plan.
        about: description, and when to use it.
        rates: part (stem, stage1 … stage4, head) -> factor on the learning rate; 0 or absent: frozen.
        reset: parts that are initialized again.
        updates: gradient steps, limited to between `passes` and `most_passes` passes over the frames; the best weights
            are kept.
        l2sp: L2 penalty on the distance of trained parts to their pretrained weights (Li et al. 2018).
        ema: decay of the averaged weights, which are kept.
        augment: strength of the photometric augmentation, 0 … 1.
        rescale: start with the gain and offset that fit the recordings, folded into the head; None: only if drivers
            have individual action scales, see `beginning`.
        align: first fit the alignment of an arm's recorded camera, see `fit_similarity`.
        mirror: also train on mirrored frames with mirrored actions.
        cotrain: share of simulated frames in a batch, labelled by the pretrained policy (learning without forgetting,
            Li & Hoiem 2016).
        views: also train on views from beside the driven line, with corrected actions, see `views`; needs simulated
            frames, and a task whose actions mirror.
        recovery: share of the recorded frames in a batch that are from beside the line of a rebuilt track, with pursuit
            labels, see `recovery_frames`; needs a track.
        unlabelled: start from the policy that was aligned with unlabelled frames, see `align_unlabelled`; needs them.
        expected: prior of cross-validation: log of (error / zero-shot's error, with the gain) after 300 frames where
            zero-shot agrees with the recordings, where it does not, and its change with ten times the frames.

    Raises:
        InputError: an unknown part, a part that is both reset and frozen, or a number out of range.
    """

    name: str
    about: str
    rates: dict[str, float] = field(default_factory=dict)
    reset: tuple[str, ...] = ()
    learning_rate: float = 5e-4
    updates: int = 400
    passes: float = 4.0
    most_passes: float = 30.0
    batch_size: int = 32
    weight_decay: float = 1e-3
    l2sp: float = 0.01
    ema: float = 0.98
    augment: float = 0.5
    rescale: bool | None = None
    align: bool = False
    mirror: bool = True
    cotrain: float = 0.0
    views: bool = False
    recovery: float = 0.5
    unlabelled: bool = False
    expected: tuple[float, float, float] = (0.05, -0.2, -0.05)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.-]+", self.name) or self.name in RESERVED:
            raise InputError(
                f"a plan cannot be named {self.name!r}: letters, digits, . _ - and not {', '.join(RESERVED)}"
            )
        unknown = [part for part in (*self.rates, *self.reset) if part not in PARTS]
        if unknown:
            raise InputError(f"plan {self.name!r}: no part {unknown[0]!r}; valid: {', '.join(PARTS)}")
        stuck = [part for part in self.reset if not self.rates.get(part)]
        if stuck:
            raise InputError(f"plan {self.name!r} resets {stuck[0]} but never trains it: give it a rate")
        for name in ("learning_rate", "updates", "passes", "most_passes", "batch_size"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"plan {self.name!r}: {name} must be positive, not {getattr(self, name)}")
        for name, value in [*self.rates.items(), *((n, getattr(self, n)) for n in ("weight_decay", "l2sp"))]:
            if not 0 <= value < float("inf"):
                raise InputError(f"plan {self.name!r}: {name} must be at least 0, not {value}")
        if len(self.expected) != 3 or not all(abs(value) < 10 for value in self.expected):
            raise InputError(f"plan {self.name!r}: expected must be three numbers, not {self.expected}")
        for name in ("ema", "augment", "cotrain", "recovery"):
            if not 0 <= getattr(self, name) <= (0.95 if name in ("cotrain", "recovery") else 1):
                raise InputError(f"plan {self.name!r}: {name} must be in 0…1, not {getattr(self, name)}")

    def steps(self, frames: int) -> int:
        """Return the number of gradient steps for a number of frames."""
        fewest, most = (round(passes * frames / self.batch_size) for passes in (self.passes, self.most_passes))
        return max(min(self.updates, most), fewest, 1)

    @property
    def trained(self) -> tuple[str, ...]:
        """Return the trained parts, from the image upwards."""
        return tuple(part for part in PARTS if self.rates.get(part))

    @property
    def frozen_until(self) -> str | None:
        """Return the last of the frozen lowest stages, whose output can be cached; None if the stem is trained."""
        below = PARTS[: PARTS.index(self.trained[0])] if self.trained else STAGE_NAMES
        return below[-1] if below else None


def read_plans(path: Path = PLANS_FILE) -> dict[str, TransferPlan]:
    """Read the plans of a TOML file, by name; raises InputError that names the wrong plan and key."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read plans from {path}: {error}") from None
    return {name: _plan(path, name, settings) for name, settings in content.items()}


def find_plan(name: str) -> TransferPlan:
    """Find a named plan, or a plan of the user: `file.toml:name`, or `file.toml` with a single plan.

    Raises:
        InputError: no such plan or file; the error lists the plans.
    """
    file, _, wanted = (
        name.rpartition(":") if ".toml:" in name else (name, "", "") if name.endswith(".toml") else ("", "", name)
    )
    plans = read_plans(Path(file)) if file else read_plans()
    if file and not wanted and len(plans) == 1:
        wanted = next(iter(plans))
    if wanted not in plans:
        where = f"{file} has no plan" if file else "no plan"
        raise InputError(f"{where} {wanted!r}; {suggest(wanted, plans)}")
    if file and wanted in read_plans():
        raise InputError(f"{file}: {wanted!r} is the name of a built-in plan: choose another")
    return plans[wanted]


def _plan(path: Path, name: str, settings: Any) -> TransferPlan:
    fields = {f.name: f for f in dataclasses.fields(TransferPlan)}
    if not isinstance(settings, dict):
        raise InputError(f"{path}: {name!r} is not a plan: write a table, [{name}]")
    for key, value in settings.items():
        if key not in fields or key == "name":
            raise InputError(f"{path}, plan {name!r}: no setting {key!r}; {suggest(key, fields)}")
        values = list(value.values()) if key == "rates" and isinstance(value, dict) else [value]
        values = value if key == "expected" and isinstance(value, list) else values
        if not all(_is(_KINDS.get(key, float), each) for each in values):
            raise InputError(f"{path}, plan {name!r}: {key} = {value!r} is not of the right kind")
    try:
        return TransferPlan(name, **{"about": "", **settings, **_tuples(settings)})
    except TypeError as error:
        raise InputError(f"{path}, plan {name!r}: {error}") from None


def _tuples(settings: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {key: tuple(settings[key]) for key in ("reset", "expected") if key in settings}


_KINDS: dict[str, type] = {
    **{"reset": list, "about": str, "rescale": bool, "align": bool, "mirror": bool, "views": bool, "unlabelled": bool},
    **{"updates": int, "batch_size": int},
}


def _is(kind: type, value: Any) -> bool:
    """Return whether a TOML value is of this type; an integer is a number, True is not."""
    return isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
