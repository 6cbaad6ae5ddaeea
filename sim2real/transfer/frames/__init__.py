"""Frames of an adaptation: reading recordings, splitting them into folds, and simulated frames."""
