"""A report page for each command that has one."""
