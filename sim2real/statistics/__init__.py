"""Figures with intervals: success `rates`, `agreement` with recorded actions, sample sizes (`settling`)."""
