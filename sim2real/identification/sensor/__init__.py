"""Identification of a camera's image formation from unlabelled frames."""
