"""Randomization presets of LaneFollow; the ranges are in the TOML files of this folder."""

from pathlib import Path

from envs.randomization import Randomization, Vary

_HERE = Path(__file__).parent


def _load(name: str) -> tuple[Vary, ...]:
    return Randomization.load(_HERE / f"{name}.toml").varied


_FILES = {name: _load(name) for name in ("default", "wide", "rehearsal")}


def _without(*beginnings: str) -> tuple[Vary, ...]:
    """Return `default` without fields that start with these prefixes."""
    return tuple(vary for vary in _FILES["default"] if not vary.field.startswith(beginnings))


_CAMERA, _LOOK = ("camera.", "cam_pos"), ("mat_", "light_", "sensor.white_balance")
_GRAY = Vary("sensor.saturation", "uniform", (0.0, 0.0), "set")

# The last three deliberately lack what transfer needs, to measure what adaptation recovers.
_VARIED = {
    "none": (),
    **_FILES,
    "rooms": (*_FILES["default"], *_load("rooms")),
    "places": (*_FILES["default"], *_load("places"), *_load("rooms")),
    **{f"rehearsal-{name}": (*_FILES["rehearsal"], *_load(f"rehearsal_{name}")) for name in ("walls", "tape", "gloss")},
    "fixed-camera": _without(*_CAMERA),
    "fixed-camera-gray": (*_without(*_CAMERA), _GRAY),
    "fixed-camera-one-look": _without(*_CAMERA, *_LOOK),
}
PRESETS = {name: Randomization(varied, name) for name, varied in _VARIED.items()}
