"""Evaluation of policies: in simulation, on the rehearsal robot, on hardware and on recordings."""
