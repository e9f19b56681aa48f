r"""One function for each language that a report is written in: text from anywhere becomes text in it, and nothing more.

Each takes a single line or several and gives back something that shows the same characters; what does not print is shown
as `text.safe` shows it, in every language.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

from profile_smoke.report.text import safe, unicode

# A colon is only active in addresses and in :emoji:, a full stop in www.
_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>|#~$&!@^]|:(?=//|[\w+-]+:)|(?<=www)\.", re.IGNORECASE)
_FENCE = re.compile("`{3,}")


def lines(text: str) -> str:
    """Several lines of plain text, each safe to print."""
    return "\n".join(safe(line) for line in text.split("\n"))


def markdown(text: str) -> str:
    r"""Inline text of GitHub's Markdown, also in a table: `a\_b\|c` (CommonMark 2.4, backslash escapes)."""
    return _MARKDOWN.sub(lambda match: f"\\{match[0]}", safe(text))


def code_block(text: str, language: str = "") -> str:
    """A fenced block of Markdown, with a fence that the text cannot close; ends in a newline."""
    body = lines(text.rstrip("\n"))
    fence = "`" * max((len(run) + 1 for run in _FENCE.findall(body)), default=3)
    return f"{fence}{language}\n{body}\n{fence}\n"


def markup(text: str) -> str:
    """Text and attributes of HTML."""
    return html.escape(safe(text))


def message(text: str) -> str:
    """The data of a workflow command of GitHub Actions, one line or several (`escapeData` of its toolkit)."""
    return lines(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def command_property(text: str) -> str:
    """The value of a workflow command's property (`escapeProperty`)."""
    return message(safe(text)).replace(":", "%3A").replace(",", "%2C")


def label(text: str) -> str:
    r"""The value of a label in the Prometheus text format: backslash, quote and newline have escapes there."""
    return safe(text).replace("\\", "\\\\").replace('"', '\\"')


def json_text(document: Any) -> str:
    """JSON, indented, pure ASCII, ending in a newline; nothing that a CI runner would take for a command in a log."""
    return json_words(document, indent=2) + "\n"


def json_words(value: Any, *, indent: int | None = None) -> str:
    """A JSON value, on one line unless indented, for text that shows it; the same otherwise."""
    # "##[" can only stand within a string, where any character may be written by its number (RFC 8259, 7).
    return json.dumps(value, indent=indent, allow_nan=False).replace("##[", "#\\u0023[")


def json_value(value: Any) -> Any:
    """A JSON value whose texts are all valid Unicode, as readers other than ours demand."""
    if isinstance(value, dict):
        return {unicode(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return unicode(str(value)) if isinstance(value, str) else value
