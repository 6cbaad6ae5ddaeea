"""How policies fare: in `simulation`, `on_robot`, and whether the one tells about the other (`correlation`)."""
