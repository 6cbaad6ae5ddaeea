"""Calibration of a camera: from the log of a car that drove, or from images of a board."""
