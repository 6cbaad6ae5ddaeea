"""Emulated hardware at wire level: an arm's servos on a serial port, its physics, and its camera."""
