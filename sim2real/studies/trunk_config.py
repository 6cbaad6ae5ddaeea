"""Settings of the study's part on shared trunks; imports neither torch nor a simulator."""

from dataclasses import dataclass

from sim2real.errors import InputError

WIDTHS, ALL_WIDTHS = (6, 24), (6, 12, 24, 48)
RATES, ALL_RATES = (5e-4, 1.5e-3, 4.5e-3), (2.5e-4, 5e-4, 1.5e-3, 4.5e-3, 9e-3)


@dataclass(frozen=True)
class TrunkConfig:
    """Settings of the part shared-trunk.

    Attributes:
        frames: number of frozen frames to learn from.
        judged: number of frozen frames of validation layouts; one half selects rates, the other judges.
        worlds: number of worlds that are rendered in parallel; more worlds show more looks in as many frames.
        widths: channels of the encoders' stems; (): 6 and 24, with `full` 6, 12, 24, 48.
        rates: learning rates that each candidate is tried with; (): three, with `full` five.
        updates: number of gradient steps of a single-task network.
        trial: share of the updates of a fit that tries a learning rate.
        batch_size: number of labelled frames per task and gradient step.
        episodes: number of validation episodes that each steering network drives per seed; 0: none.
    """

    frames: int = 40_000
    judged: int = 8_000
    worlds: int = 400
    widths: tuple[int, ...] = ()
    rates: tuple[float, ...] = ()
    updates: int = 1_000
    trial: float = 0.25
    batch_size: int = 64
    episodes: int = 20

    def check(self) -> None:
        """Raise InputError for invalid settings; the study's settings call it, as tyro rewords what fields raise."""
        for name in ("frames", "judged", "worlds", "updates", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.episodes < 0 or not 0 < self.trial <= 1:
            raise InputError("episodes must be at least 0, and trial above 0 and at most 1")
        if min((*self.widths, *self.rates), default=1) <= 0:
            raise InputError(f"widths and rates must be positive, not {self.widths} and {self.rates}")
        if len(set(self.widths)) < len(self.widths) or len({f"{rate:g}" for rate in self.rates}) < len(self.rates):
            raise InputError(f"widths and rates must be different ones, not {self.widths} and {self.rates}")
