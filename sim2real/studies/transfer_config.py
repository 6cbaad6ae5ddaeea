"""Settings of the study's parts on transfer; imports neither torch nor a simulator."""

from dataclasses import dataclass

from sim2real.errors import InputError

# The usual grid takes about 50 minutes on two cores, estimated with 0.028 s for a gradient step of all stages:
# recording 2, similarity-size 32 (a third of it for the choices of `auto`), freeze-depth 9, learning-rate 8. The whole
# grid takes about 6 hours.
CELLS, ALL_CELLS = ("near", "sensor", "task"), ("near", "sensor", "task", "light")
DEPTH_CELLS = ("near", "sensor")
RATE_CELLS = ("near",)
SIZES, ALL_SIZES = (50, 300, 0), (50, 100, 300, 1000, 0)
RATE_SIZES = (50, 0)
RATES, ALL_RATES = (3.0, 1.0, 0.3, 0.1), (3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
PLANS = ("feature-extraction", "sensor-shift", "generic-features", "top-layers", "full", "strange-place", "scratch")
FEWEST_SESSIONS = 2


@dataclass(frozen=True)
class TransferConfig:
    """Settings of the parts similarity-size, freeze-depth and learning-rate.

    Attributes:
        cells: where the policy is adapted to: near, sensor, task, light (`sim2real.studies.cells` describes them);
            (): those of each part, with `full` all.
        sizes: numbers of frames to learn from, 0 is all, of similarity-size and learning-rate; (): 50, 300 and all,
            and 50 and all; with `full` 50, 100, 300, 1000 and all.
        depth_size: number of frames to learn from in freeze-depth.
        plans: plans to compare in similarity-size, beside zero-shot, its gain, and those that `auto` chooses from.
        rates: learning rates, from scratch and of copied weights, as multiples of that of the plan scratch; (): 3, 1,
            0.3, 0.1, with `full` also 0.03 and 0.01.
        choices: number of seeds with which `auto` chooses and `probe` recommends a plan; 0: 1, with `full` all.
        learned: number of recorded sessions to learn from.
        judged: number of recorded sessions that judge.
        seconds: length of a session [s].
        every: judge every this many frames, as neighbours are similar.
        updates: number of gradient steps of a fit, as for `adapt`; None: the plans' numbers.
    """

    cells: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    depth_size: int = 300
    plans: tuple[str, ...] = PLANS
    rates: tuple[float, ...] = ()
    choices: int = 0
    learned: int = 6
    judged: int = 12
    seconds: float = 20.0
    every: int = 8
    updates: int | None = None

    def check(self) -> None:
        """Raise InputError for invalid settings; the study's settings call it, as tyro rewords what fields raise."""
        for cell in self.cells:
            if cell not in ALL_CELLS:
                raise InputError(f"no cell {cell!r}; valid: {', '.join(ALL_CELLS)}")
        for plan in self.plans:
            if plan not in PLANS:
                raise InputError(f"no plan {plan!r} to compare; valid: {', '.join(PLANS)}")
        if min((*self.sizes, self.choices), default=0) < 0:
            raise InputError(f"sizes and choices must be at least 0, not {self.sizes} and {self.choices}")
        if self.rates and (min(self.rates) <= 0 or 1.0 not in self.rates or min(self.rates) >= 1):
            raise InputError(
                f"rates must be positive, and have 1 (that of the plan scratch) and a smaller one: not {self.rates}"
            )
        for name in ("cells", "sizes", "plans", "rates"):
            if len(set(getattr(self, name))) < len(getattr(self, name)):
                raise InputError(f"{name} must be different ones: not {getattr(self, name)}")
        for name in ("depth_size", "every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if min(self.learned, self.judged) < FEWEST_SESSIONS or self.seconds <= 0:
            raise InputError(f"learned and judged need {FEWEST_SESSIONS} sessions, and each some seconds")


def named_sizes(sizes: tuple[int, ...]) -> list[str]:
    """Return numbers of frames in words."""
    return [f"{size:,}" if size else "all" for size in sizes]
