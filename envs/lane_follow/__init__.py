"""The lane world: a small car on a printed track."""
