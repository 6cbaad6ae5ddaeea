"""Transfer plans as data: per part of the policy, frozen, fine-tuned, or drawn anew."""

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
    """What becomes of each part of a pretrained policy, and how it is trained.

    Attributes:
        name: of the plan.
        about: in words, and when to use it.
        rates: part (stem, stage1 … stage4, head) -> factor on the learning rate; 0 or absent: frozen.
        reset: parts drawn anew.
        updates: gradient steps, unless those are fewer passes over the frames than `passes`, or more than
            `most_passes`; the best are kept.
        l2sp: pull of trained parts towards their pretrained weights, factor of the squared distance (Li et al. 2018).
        ema: decay of the averaged weights, which are what is kept.
        augment: strength of the photometric augmentation, 0 … 1.
        rescale: begin with the gain and offset that fit the recordings folded into the head; None: only where people
            act on scales of their own, see `beginning`.
        align: fit first where an arm's recorded camera looks, see `fit_similarity`.
        mirror: train on mirrored frames with mirrored actions too.
        cotrain: share of simulated frames in a batch, with the pretrained policy's own answers as labels (learning
            without forgetting, Li & Hoiem 2016).

    Raises:
        InputError: an unknown part, a part that is reset but frozen, or a number out of range.
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
            raise InputError(f"plan {self.name!r} draws {stuck[0]} anew but never trains it: give it a rate")
        for name in ("learning_rate", "updates", "passes", "most_passes", "batch_size"):
            if not 0 < getattr(self, name) < float("inf"):
                raise InputError(f"plan {self.name!r}: {name} must be positive, not {getattr(self, name)}")
        for name, value in [*self.rates.items(), *((n, getattr(self, n)) for n in ("weight_decay", "l2sp"))]:
            if not 0 <= value < float("inf"):
                raise InputError(f"plan {self.name!r}: {name} must be at least 0, not {value}")
        for name in ("ema", "augment", "cotrain"):
            if not 0 <= getattr(self, name) <= (0.95 if name == "cotrain" else 1):
                raise InputError(f"plan {self.name!r}: {name} must be in 0…1, not {getattr(self, name)}")

    def steps(self, frames: int) -> int:
        """Return the gradient steps for so many frames."""
        fewest, most = (round(passes * frames / self.batch_size) for passes in (self.passes, self.most_passes))
        return max(min(self.updates, most), fewest, 1)

    @property
    def trained(self) -> tuple[str, ...]:
        """Parts that are trained, from the image upwards."""
        return tuple(part for part in PARTS if self.rates.get(part))

    @property
    def frozen_until(self) -> str | None:
        """The last stage of the frozen ones at the bottom, whose output can be computed once; None: none is."""
        below = PARTS[: PARTS.index(self.trained[0])] if self.trained else STAGE_NAMES
        return below[-1] if below else None


def read_plans(path: Path = PLANS_FILE) -> dict[str, TransferPlan]:
    """Read the plans of a TOML file, by name; raises InputError for what is wrong in it, with the plan and the key."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read plans from {path}: {error}") from None
    return {name: _plan(path, name, settings) for name, settings in content.items()}


def find_plan(name: str) -> TransferPlan:
    """Find a named plan, or one of the user's own: `file.toml:name`, or `file.toml` with a single plan in it.

    Raises:
        InputError: no such plan or file; the plans there are, are listed.
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
        raise InputError(f"{file}: {wanted!r} is the name of a plan that is there already: choose another")
    return plans[wanted]


def _plan(path: Path, name: str, settings: Any) -> TransferPlan:
    fields = {f.name: f for f in dataclasses.fields(TransferPlan)}
    if not isinstance(settings, dict):
        raise InputError(f"{path}: {name!r} is not a plan: write a table, [{name}]")
    for key, value in settings.items():
        if key not in fields or key == "name":
            raise InputError(f"{path}, plan {name!r}: no setting {key!r}; {suggest(key, fields)}")
        values = list(value.values()) if key == "rates" and isinstance(value, dict) else [value]
        if not all(_is(_KINDS.get(key, float), each) for each in values):
            raise InputError(f"{path}, plan {name!r}: {key} = {value!r} is not of the right kind")
    try:
        return TransferPlan(name, **{"about": "", **settings, "reset": tuple(settings.get("reset", ()))})
    except TypeError as error:
        raise InputError(f"{path}, plan {name!r}: {error}") from None


_KINDS: dict[str, type] = {
    **{"reset": list, "about": str, "rescale": bool, "align": bool, "mirror": bool},
    **{"updates": int, "batch_size": int},
}


def _is(kind: type, value: Any) -> bool:
    """Whether a value of a TOML file is of this kind; a whole number is a number, True is none."""
    return isinstance(value, (int, float) if kind is float else kind) and (kind is bool or not isinstance(value, bool))
