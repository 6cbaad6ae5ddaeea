"""Transfer plans, and fitting by a plan: batches, losses, seeds, weight averaging, the refit on all episodes."""
