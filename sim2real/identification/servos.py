"""Identified servos, and their judgement on episodes that nothing was fitted to."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim2real.identification.judge import Errors, open_loop, second_ahead
from sim2real.identification.simulation import NOTHING, OBJECT, Replayer
from sim2real.recordings.arm_logs import Log


@dataclass(frozen=True)
class Parameter:
    """Of one joint.

    Attributes:
        low, high: 95 % interval; None where the log does not tell.
        source: "log", or where the value is from instead: "published", "house" (our own arm), "bound" (the log wants a
            value at the end of what is searched).
    """

    value: float
    low: float | None
    high: float | None
    source: str

    @property
    def identifiable(self) -> bool:
        return self.source == "log"


@dataclass(frozen=True)
class Judgement:
    """Replays of held-out episodes: open loop, and a second ahead.

    Attributes:
        before: with the published servos.
        after: with the identified ones.
        servos: with the identified ones, and nothing in the hand.
        second_before, second_after: None where no held-out episode is longer than a second.
    """

    before: Errors
    after: Errors
    servos: Errors
    second_before: Errors | None
    second_after: Errors | None


@dataclass(frozen=True)
class IdentifiedServos:
    """Servos as they were fitted.

    Attributes:
        joints: J names.
        gripper: which of them closes the hand.
        parameters: of each joint by its name, then by the parameter's.
        values: (J,) per parameter, as `Replayer` takes them.
        published: the same, of the model's publisher.
        object_rmse: rad, of the jaw on episodes set aside within those fitted, with an object modelled and without.
        fit_rmse: rad, on the fitted episodes.
    """

    joints: tuple[str, ...]
    gripper: str | None
    parameters: Mapping[str, Mapping[str, Parameter]]
    values: Mapping[str, np.ndarray]
    published: Mapping[str, np.ndarray]
    object_rmse: tuple[float, float] | None
    fit_rmse: float


def judge(servos: IdentifiedServos, replayer: Replayer, held_out: tuple[Log, ...], fps: float) -> Judgement:
    """Judge servos on episodes that nothing was fitted to."""
    bare = dict(servos.values) | {OBJECT: np.full(len(servos.joints), NOTHING)}
    return Judgement(
        open_loop(replayer, servos.published, held_out),
        open_loop(replayer, servos.values, held_out),
        open_loop(replayer, bare, held_out),
        second_ahead(replayer, servos.published, held_out, fps),
        second_ahead(replayer, servos.values, held_out, fps),
    )
