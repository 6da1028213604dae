"""How many functions each entrant of a contest has, as the command line gives it."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cli import options
from harness.errors import ProtocolError, message

MOST_DIGITS = 9  # of a count


def counts(texts: Sequence[str]) -> dict[str, int]:
    """Read ``N`` and ``ENTRANT=N`` as numbers by entrant; that of ``""`` is for all others.

    Raises:
        ProtocolError: a text is neither, or an entrant gets two numbers.
    """
    found: dict[str, int] = {}
    for text in (each for several in texts for each in options.split(several)):
        name, _, number = text.rpartition("=")
        name = name.strip()
        if not number.strip().isdecimal() or len(number.strip()) > MOST_DIGITS:
            hint = "Write it like 1000 or gp=100"
            raise ProtocolError(message("--count", expected="N or ENTRANT=N", got=repr(text), hint=hint))
        if name in found:
            got, hint = f"{found[name]} and {number.strip()}", "Give each entrant one number"
            raise ProtocolError(message(f"--count of {name or 'all entrants'}", expected="one", got=got, hint=hint))
        found[name] = int(number)
    return found
