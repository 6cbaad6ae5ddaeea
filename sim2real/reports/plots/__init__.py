"""Plots in a common plain style."""
