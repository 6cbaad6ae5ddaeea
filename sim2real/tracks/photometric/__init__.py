"""Pairs of frames of a flat ground, compared in their own pixels: motions and the camera that make them agree."""
