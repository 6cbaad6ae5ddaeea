"""Figures with their intervals: success `rates`, `agreement` with what people did, how much more would settle it."""
