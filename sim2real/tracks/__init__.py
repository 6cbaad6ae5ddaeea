"""Rebuilding of a real track from its log: map, poses, centre line and vehicle."""
