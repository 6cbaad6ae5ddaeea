"""Identified servos."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


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
