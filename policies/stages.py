"""Names of the vision encoder's stages, from the image upwards; needs nothing but Python."""

STAGE_NAMES = ("stem", "stage1", "stage2", "stage3", "stage4")
