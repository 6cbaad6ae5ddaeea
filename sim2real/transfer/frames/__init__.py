"""The frames that an adaptation learns from: read, split into folds, and the simulated ones beside them."""
