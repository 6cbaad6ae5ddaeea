"""A page for each command that has something to show."""
