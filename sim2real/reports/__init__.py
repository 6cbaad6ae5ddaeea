"""Pages, plots, pictures and films for people. Only `launch` imports this package."""
