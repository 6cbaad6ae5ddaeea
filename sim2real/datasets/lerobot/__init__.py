"""LeRobot v3.0 datasets on disk, read and written without LeRobot; v2.1 converted."""
