"""Bytes, seconds and rates: one place where a unit is converted or printed.

Inside, memory is an int of bytes; on screen it is GiB (2**30 bytes).
"""

MIB = 2**20
GIB = 2**30


def scientific(value: float) -> str:
    """Print a learning rate as people type it: `3e-5`, `2.5e-5`."""
    mantissa, exponent = f"{value:.10e}".split("e")
    digits = mantissa.rstrip("0").rstrip(".")
    return f"{digits}e{int(exponent)}"
