"""Recorded episodes as policies see them, and recordings made of the rehearsal robot or of simulation."""
