"""Recordings made here: of the rehearsal robot, moved by a stand-in for a person, and of simulation."""
