"""Recorded episodes once more: `replay` has a module for each way to do it, through a policy (`policy_replay`), in
simulation (`log_replay`, `exact_replay`) and on a robot (`robot_replay`; the motion is `sim2real.robots.playback`)."""
