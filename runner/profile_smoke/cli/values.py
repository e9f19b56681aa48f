"""Values of options: from the user's text to ours, or one line on what is wrong and what would be right."""

from __future__ import annotations

import argparse
import re
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from profile_smoke.cli.options import ReportFile, Shard
from profile_smoke.report.interface import STDOUT, Format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from profile_smoke.model import GateRule, Tier

_Choice = TypeVar("_Choice", bound=StrEnum)


def nearest(word: str, words: Iterable[str]) -> str:
    """``; did you mean "list"?``, or nothing where nothing is near."""
    import difflib  # only a mistake needs it

    near = difflib.get_close_matches(word, [str(known) for known in words], 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def choice(kind: type[_Choice]) -> Callable[[str], _Choice]:
    """A converter to this enum."""

    def convert(text: str) -> _Choice:
        if text in list(kind):
            return kind(text)
        hint = nearest(text, kind) or f"; one of {', '.join(kind)}"
        raise argparse.ArgumentTypeError(f"there is no {text!r}{hint}")

    return convert


def only(word: str, what: str) -> Callable[[str], str]:
    """A converter that takes just this word, of a command that does one thing with `what`."""

    def convert(text: str) -> str:
        if text != word:
            raise argparse.ArgumentTypeError(f"{what} cannot be {text!r}; did you mean {word!r}?")
        return text

    return convert


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not re.fullmatch("[0-9]{1,9}", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def count(text: str) -> int:
    """A whole number from 0 on."""
    if not re.fullmatch("[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)


def flag(text: str) -> bool:
    """``true`` or ``false``."""
    if text not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text == "true"


def gate_rule(text: str) -> GateRule:
    """A rule of the gate that is put in force by naming it."""
    from profile_smoke.gate.policy import SWITCHED

    if text not in SWITCHED:
        hint = nearest(text, SWITCHED) or f"; one of {', '.join(SWITCHED)}"
        raise argparse.ArgumentTypeError(f"there is no {text!r}{hint}")
    return next(rule for rule in SWITCHED if rule == text)


def tier(text: str) -> Tier:
    """A tier of `profile score`."""
    from profile_smoke.model import Tier

    return choice(Tier)(text)


def danger_class(text: str) -> str:
    """A class of dangerous calls."""
    from profile_smoke.syscall.ways import CLASSES

    if text not in CLASSES:
        hint = nearest(text, CLASSES) or f"; one of {', '.join(CLASSES)}"
        raise argparse.ArgumentTypeError(f"there is no class {text!r}{hint}")
    return text


def shard(text: str) -> Shard:
    """``2/5``."""
    match = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", text)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 2/5: part 2 of 5, counted from 1")
    return Shard(int(match[1]), int(match[2]))


def image(text: str) -> tuple[str, str]:
    """``mysql=mysql:8.4``: scenario and image."""
    scenario, equals, ref = text.partition("=")
    if not (scenario and equals and ref):
        raise argparse.ArgumentTypeError(f"{text!r} is not like mysql=mysql:8.4 (scenario=image)")
    return scenario, ref


def report(text: str) -> ReportFile:
    """``json=result.json``: format and path."""
    form, equals, path = text.partition("=")
    if not (form and equals and path):
        raise argparse.ArgumentTypeError(f"{text!r} is not like json=result.json (format=path)")
    if path == STDOUT:
        raise argparse.ArgumentTypeError("stdout holds the main report (--format); name a file")
    return ReportFile(choice(Format)(form), path)


def folder(text: str) -> Path:
    """A folder that exists."""
    from pathlib import Path  # a large import that --help does without

    from profile_smoke import paths

    path = Path(text)
    if not paths.is_dir(path):
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder")
    return path
