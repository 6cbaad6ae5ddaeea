"""Camera frames of a rebuilt track, and how well they agree with true ones."""
