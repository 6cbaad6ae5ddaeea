"""Names of the vision encoder's stages, from the image upwards; needs only the standard library."""

STAGE_NAMES = ("stem", "stage1", "stage2", "stage3", "stage4")
