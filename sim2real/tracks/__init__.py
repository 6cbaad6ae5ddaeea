"""Real tracks, rebuilt from their logs: what a track is, its rebuilding, its frames, and driving on it."""
