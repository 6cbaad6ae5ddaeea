"""Where the policy is that a user names; kept until all commands import it from where it lives."""

from sim2real.checkpoints import policy_folder

__all__ = ["policy_folder"]
