"""Crossing the gap from simulated worlds and policies to real cameras and robots: a room for each part of the way."""
