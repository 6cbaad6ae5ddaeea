"""Identification of servos from logged commands and states, including what logs do not identify."""
