"""Plots of one plain style."""
