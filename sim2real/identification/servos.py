"""Identified servos, and their errors on held-out episodes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from sim2real.identification.judge import Errors, open_loop, second_ahead
from sim2real.identification.simulation import NOTHING, OBJECT, Replayer
from sim2real.recordings.arm_logs import Log


@dataclass(frozen=True)
class Parameter:
    """A servo parameter of one joint.

    Attributes:
        low, high: 95 % interval; None if the log does not identify the parameter.
        source: source of the value: "log", "published", "house" (our own arm model), or "bound" (the best fit is at a
            search bound).
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
    """Errors of replays of held-out episodes: open loop, and a second ahead.

    Attributes:
        before: errors with the published servos.
        after: errors with the identified servos.
        servos: errors with the identified servos, without an object in the gripper.
        second_before, second_after: errors a second ahead; None if no held-out episode is longer than a second.
    """

    before: Errors
    after: Errors
    servos: Errors
    second_before: Errors | None
    second_after: Errors | None


@dataclass(frozen=True)
class IdentifiedServos:
    """Fitted servos.

    Attributes:
        joints: J names.
        gripper: the joint that closes the gripper.
        parameters: parameters by joint and parameter name.
        values: (J,) values per parameter, for `Replayer`.
        published: values of the published model.
        object_rmse: RMSE [rad] of the jaw on validation episodes within those fitted, with and without a modelled
            object.
        fit_rmse: RMSE [rad] on the fitted episodes.
    """

    joints: tuple[str, ...]
    gripper: str | None
    parameters: Mapping[str, Mapping[str, Parameter]]
    values: Mapping[str, np.ndarray]
    published: Mapping[str, np.ndarray]
    object_rmse: tuple[float, float] | None
    fit_rmse: float


def judge(servos: IdentifiedServos, replayer: Replayer, held_out: tuple[Log, ...], fps: float) -> Judgement:
    """Evaluate servos on held-out episodes."""
    bare = dict(servos.values) | {OBJECT: np.full(len(servos.joints), NOTHING)}
    return Judgement(
        open_loop(replayer, servos.published, held_out),
        open_loop(replayer, servos.values, held_out),
        open_loop(replayer, bare, held_out),
        second_ahead(replayer, servos.published, held_out, fps),
        second_ahead(replayer, servos.values, held_out, fps),
    )
