"""Where the policy is that a user names."""

from pathlib import Path

from sim2real.errors import InputError


def policy_folder(path: Path) -> Path:
    """Of a run's policy, or path itself; raises InputError for a run that has none yet."""
    if (path / "policy").is_dir():
        return path / "policy"
    if (path / "tensorboard").is_dir():
        raise InputError(f"{path} has no policy: either `sim2real pretrain` did not finish (--resume), or it never ran")
    return path
