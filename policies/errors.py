"""Bad input: what was given and cannot be used."""


class InputError(ValueError):
    """Something that was given cannot be used; one line that says what is wrong, where, and what to do."""
