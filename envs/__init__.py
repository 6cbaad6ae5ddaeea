"""Simulated worlds: models, tasks, randomization, cameras, batched physics and rendering."""
