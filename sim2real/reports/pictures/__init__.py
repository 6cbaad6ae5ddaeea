"""Pictures of frames and datasets."""
