"""What people look at: pages, plots, pictures and films. Only `launch` imports this room."""
