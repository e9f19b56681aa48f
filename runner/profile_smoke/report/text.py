"""Text that is safe and fits: what the report modules for people share.

Strings in a report come from containers (logs, process names, paths) and may hold anything, terminal control
sequences included. Nothing of that reaches a terminal unescaped.
"""

from __future__ import annotations

import os
import re
import textwrap
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping

# GitHub's runner takes `::name ...::` at the start of a line for a command, after blanks too, and `##[name]` anywhere
# (ActionCommand.cs in actions/runner).
_COMMAND = re.compile(r"^\s*::(?=[A-Za-z])|##\[", re.MULTILINE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_FIRST_ESCAPED_BYTE, _LAST_ESCAPED_BYTE = 0xDC80, 0xDCFF


class Colour(Enum):
    """The few colours that are used, as SGR parameters (ECMA-48)."""

    BOLD = "1"
    DIM = "2"
    RED = "31"
    GREEN = "32"
    YELLOW = "33"


@dataclass(frozen=True)
class Style:
    """How text for people may look: whether colours are wanted, and how many columns there are."""

    colour: bool = False
    width: int = 100

    @classmethod
    def of(cls, stream: TextIO | None, environ: Mapping[str, str] = os.environ) -> Style:
        """Colours only on a terminal that has them, and only unless `NO_COLOR` is set (no-color.org)."""
        plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
        return cls(colour=stream is not None and stream.isatty() and not plain)

    def paint(self, text: str, *colours: Colour) -> str:
        """The text in these colours, or as it is."""
        if not self.colour or not colours:
            return text
        return f"\x1b[{';'.join(colour.value for colour in colours)}m{text}\x1b[0m"


def unicode(text: str) -> str:
    r"""Valid Unicode: bytes that were no UTF-8 (PEP 383) as ``\xff``, other lone surrogates as ``\ud800``."""
    return _SURROGATE.sub(lambda match: _escape(match[0]), text)


def safe(text: str) -> str:
    r"""One line that shows what is there: tabs as blanks, what does not print as ``\x1b``, ``\u202e``.

    What a CI runner would obey when it sees it in a log gets a backslash: ``\::error::``, ``#\#[error]``.
    """
    text = _COMMAND.sub(_disobeyed, text.expandtabs(4))
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _disobeyed(match: re.Match[str]) -> str:
    return r"#\#[" if match[0] == "##[" else f"{match[0][:-2]}\\::"


def _escape(char: str) -> str:
    if _FIRST_ESCAPED_BYTE <= ord(char) <= _LAST_ESCAPED_BYTE:
        return f"\\x{ord(char) - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")


def wrap(text: str, width: int, indent: str = "", hang: str | None = None) -> str:
    """The text in lines of at most `width` columns, the first after `indent`, the others after `hang`."""
    filled = textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent if hang is None else hang,
        break_on_hyphens=False,
    )
    # What stood in the middle of a line before may begin one now.
    return _COMMAND.sub(_disobeyed, filled)


def counted(number: int, noun: str) -> str:
    """``1 cell``, ``2 cells``, ``2 launches``, ``2 stories``."""
    plural = f"{noun}es" if noun.endswith(("ch", "s")) else f"{noun}s"
    plural = f"{noun[:-1]}ies" if noun.endswith("ry") else plural
    return f"{number} {noun if number == 1 else plural}"


def seconds(value: float) -> str:
    """A duration as people read it: ``0.21 s``, ``12.3 s``, ``3 min 20 s``."""
    if value < 10:  # noqa: PLR2004  two digits are enough at any size
        return f"{value:.2f} s"
    if value < 60:  # noqa: PLR2004
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


def clipped(text: str, width: int, *, end: bool = False) -> str:
    """At most `width` columns of its beginning, or of its end, with a mark where the rest was left out."""
    if len(text) <= width:
        return text
    kept = max(width - 1, 1)
    return f"…{text[-kept:]}" if end else f"{text[:kept]}…"
