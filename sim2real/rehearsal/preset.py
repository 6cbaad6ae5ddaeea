"""Which rehearsal robot: the presets of a task that begin with "rehearsal"."""

from sim2real.errors import InputError

PRESET = "rehearsal"


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
