"""Places: what bounds and marks the way in a world, and what its room adds to the light."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

from envs.lane_follow.meshes import TRACK_GEOMS

PLACES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "printed mat": ("road", "edges", "dashes"),
        "no centre line": ("road", "edges"),
        "no edge lines": ("road", "dashes"),
        "plain road": ("road",),
        "two lines": ("edges",),
        "three lines": ("edges", "dashes"),
        "tape": ("tape",),
        "tape on a road": ("road", "tape"),
        "corridor": ("barrier",),
        "road between barriers": ("road", "barrier"),
    }
)
"""By name, the geoms that are there; `task.place` of a randomization is the place's number, from 0."""

STRUCTURE: Mapping[str, float] = MappingProxyType({"place": 0.0, "lamps": 0.0, "daylight": 0.0})
"""Parameters of the task, nominal values: the place; the number of lamps and windows, which glossy floors mirror; and
whether a patch of daylight lies on the way (above 0.5)."""

_THERE = np.array([[name in there for name in TRACK_GEOMS] for there in PLACES.values()])


def visible(place: np.ndarray) -> np.ndarray:
    """Return (m, 5) bool, which of the track's geoms are there in places (m,), clipped to those that exist."""
    return _THERE[np.clip(np.round(place), 0, len(PLACES) - 1).astype(int)]


def bounded(place: np.ndarray) -> np.ndarray:
    """Return (m,) bool, whether barriers stand beside the way in places (m,)."""
    return visible(place)[:, TRACK_GEOMS.index("barrier")]
