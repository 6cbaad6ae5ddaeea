"""Transfer of a policy from simulation to a real camera."""
