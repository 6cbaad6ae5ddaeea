"""From a log to a track: odometry on the ground, one map of all drives, what judges it, its files."""
