"""Commands: one file per verb; each parses, calls sim2real, prints and saves."""
