"""Crossing the gap: training runs, evaluation and films on top of simulated worlds and policies."""
