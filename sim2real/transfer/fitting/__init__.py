"""Plans, and fitting a policy by one: batches, losses, several seeds, their average, the refit on all episodes."""
