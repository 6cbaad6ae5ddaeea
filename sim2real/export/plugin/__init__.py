"""LeRobot's policy plugin, as source: exports copy these files into a distribution of its own."""
