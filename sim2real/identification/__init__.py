"""Servos identified from logs: of commands and states alone, with what the logs cannot tell."""
