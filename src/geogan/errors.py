"""The one error a user is meant to read."""


class InputError(ValueError):
    """A mistake in what the user gave: the message is one line that names the file, key or cell,
    what is wrong and what would be right. The command line prints it and exits with status 2."""
