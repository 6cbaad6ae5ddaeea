"""Recorded episodes once more: through a policy (`replay`), in simulation (`log_replay`, `exact_replay`), on a robot
(`playback_page`; the motion itself is `sim2real.robots.playback`), in a viewer (`viewer`)."""
