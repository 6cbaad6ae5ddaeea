"""Export of policies for robots that run neither PyTorch nor this package."""
