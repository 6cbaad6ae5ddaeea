"""Training in simulation: a teacher on privileged state, and a policy that sees and learns from it."""
