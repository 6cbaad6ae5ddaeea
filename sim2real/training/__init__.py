"""Training in simulation: a teacher on privileged state, and a vision policy that learns from it."""
