"""What is wrong with a user's input: each error says in one line what, where, and what to do."""


class InputError(ValueError):
    """Something that the user gave, or that lies on the disk, cannot be used; commands print the line and exit."""


class CheckpointError(InputError):
    """A folder cannot be read, or must not be written, as the checkpoint or run that it is said to be."""


class DatasetError(InputError):
    """A folder cannot be read, or must not be written, as the dataset that it is said to be."""
