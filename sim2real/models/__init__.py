"""Policies by name: those that ship with the package, and those of the Hugging Face Hub or of an https address.

Every file of such a policy is verified by its SHA-256 each time it is used. Imports neither torch nor a simulator.
"""

from sim2real.models.checkpoint import Checkpoint, short_name
from sim2real.models.find import absolute, find_policy
from sim2real.models.registry import Figure, Model, read_registry, shipped_folder

__all__ = ["Checkpoint", "Figure", "Model", "absolute", "find_policy", "read_registry", "shipped_folder", "short_name"]
