"""The one error of this package: a recipe that cannot be trained here, whatever its values do."""


class UnsupportedError(Exception):
    """The recipe asks for something that this machine or this version cannot train; the text says what."""
