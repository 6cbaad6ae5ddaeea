"""Replay of recorded episodes, with a module for each way: through a policy (`policy_replay`), in simulation
(`log_replay`, `exact_replay`) and on a robot (`robot_replay`; the motion is in `sim2real.robots.playback`)."""
