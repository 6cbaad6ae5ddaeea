"""What people look at: HTML pages, plots, films."""
