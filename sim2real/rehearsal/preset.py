"""Which rehearsal robot: the presets of a task that begin with "rehearsal"."""

from sim2real.errors import InputError

PRESET = "rehearsal"
LAYOUTS = 10_000  # worlds to choose from by number


def rehearsal_preset(randomization: str, unset: str) -> str:
    """Return the preset of the rehearsal robot that `--randomization` names; `unset` stands for the usual one.

    Raises:
        InputError: another randomization: a rehearsal robot's appearance is fixed, as that of a real one.
    """
    if randomization == unset:
        return PRESET
    if randomization != PRESET and not randomization.startswith(f"{PRESET}-"):
        raise InputError(
            f"--on rehearsal takes --randomization {PRESET}, or another rehearsal robot, such as {PRESET}-walls, not"
            f" {randomization!r}: the rehearsal robot has a fixed appearance"
        )
    return randomization


def check_layout(layout: int | None, on: str) -> None:
    """Raise InputError if a layout, one world that all episodes share, is not to be had at this place of `--on`."""
    if layout is None:
        return
    if on != PRESET:
        raise InputError(f"--layout is for --on {PRESET}: --on {on} has no layouts to choose from")
    if not 0 <= layout < LAYOUTS:
        raise InputError(f"layout must be 0 to {LAYOUTS - 1}, not {layout}")
