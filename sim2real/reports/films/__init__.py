"""Films of policies and of recordings."""
