"""Commands: one file per verb; they parse, call, print and save."""
