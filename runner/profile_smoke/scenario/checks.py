"""Reading checks: one kind each, and never an expectation that anything would satisfy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from profile_smoke.scenario import values
from profile_smoke.scenario.model import (
    CallCheck,
    Check,
    ExecCheck,
    HttpCheck,
    LogCheck,
    MetricsCheck,
    RedisCheck,
    SqlCheck,
    TcpCheck,
)
from profile_smoke.scenario.yamltree import Listing, Tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from profile_smoke.scenario.fields import Section

T = TypeVar("T")

PORT = values.whole(1, 65535)
_METRIC = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_DEFAULT_SQL_PORTS = {"mysql": 3306, "postgresql": 5432}


def read_check(section: Section) -> Check | None:
    """The one check of a probe or of `ready`; None, and a problem, where there is none or more than one."""
    found = section.present(tuple(KINDS))
    if len(found) > 1:
        section.report(f"has several checks ({', '.join(found)}); one is needed", found[1])
        return None
    if not found:
        section.missing(tuple(KINDS), f"has no check; one of {', '.join(KINDS)} is needed")
        return None
    inner = section.section(found[0])
    if inner is None:
        return None
    check = KINDS[found[0]](inner)
    inner.close()
    return check


def check_port(check: Check) -> int | None:
    """The port that a check connects to, None for those that do not."""
    return None if isinstance(check, ExecCheck | LogCheck | CallCheck) else check.port


def _http(section: Section) -> HttpCheck:
    return HttpCheck(
        port=section.value("port", PORT, default=80, required=True),
        path=section.value("path", _url_path, default="/"),
        status=section.value("status", values.whole(100, 599), default=200),
        body_contains=section.value("body_contains", _optional(values.text), default=None),
        body_bytes=section.value("body_bytes", _optional(values.size), default=None),
    )


def _tcp(section: Section) -> TcpCheck:
    return TcpCheck(
        port=section.value("port", PORT, default=1, required=True),
        send=section.value("send", values.raw_bytes, default=""),
        expect=section.value("expect", values.raw_bytes, default="?", required=True),
    )


def _exec(section: Section) -> ExecCheck:
    return ExecCheck(
        argv=section.values("argv", values.text, required=True, least=1),
        exit_code=section.value("exit_code", values.whole(0, 255), default=0),
        output_contains=section.value("output_contains", _optional(values.text), default=None),
    )


def _log(section: Section) -> LogCheck:
    return LogCheck(
        pattern=section.value("pattern", _pattern, default="?", required=True),
        count=section.value("count", values.whole(1, 1_000_000), default=1),
    )


def _sql(engine: str) -> Callable[[Section], SqlCheck]:
    def read(section: Section) -> SqlCheck:
        return SqlCheck(
            engine=engine,
            port=section.value("port", PORT, default=_DEFAULT_SQL_PORTS[engine]),
            user=section.value("user", values.text, default="?", required=True),
            password=section.value("password", values.any_text, default=""),
            database=section.value("database", values.text, default="?", required=True),
            statements=section.values("statements", values.text, required=True, least=1),
            expect=section.values("expect", values.any_text, required=True, least=1),
        )

    return read


def _redis(section: Section) -> RedisCheck:
    return RedisCheck(
        port=section.value("port", PORT, default=6379),
        commands=section.values("commands", _words, required=True, least=1),
        expect=section.value("expect", values.text, default="?", required=True),
    )


def _metrics(section: Section) -> MetricsCheck:
    return MetricsCheck(
        port=section.value("port", PORT, default=1, required=True),
        path=section.value("path", _url_path, default="/metrics"),
        metrics=section.values("metrics", _metric, required=True, least=1),
    )


KINDS: dict[str, Callable[[Section], Check]] = {
    "http": _http,
    "tcp": _tcp,
    "exec": _exec,
    "log": _log,
    "mysql": _sql("mysql"),
    "postgresql": _sql("postgresql"),
    "redis": _redis,
    "metrics": _metrics,
}


def _optional(convert: Callable[[Tree], T]) -> Callable[[Tree], T | None]:
    return convert


def _url_path(tree: Tree) -> str:
    found = values.text(tree)
    if not found.startswith("/") or not found.isascii() or not found.isprintable() or " " in found:
        raise values.UnfitError(
            f"a URL path that starts with / is needed here, percent-encoded, this is {values.shown(found)}"
        )
    return found


def _pattern(tree: Tree) -> str:
    found = values.text(tree)
    try:
        compiled = re.compile(found, re.MULTILINE)
    except re.error as error:
        raise values.UnfitError(f"is not a regular expression: {error}") from None
    if compiled.search(""):
        raise values.UnfitError(f"{values.shown(found)} matches the empty text, so any log would do")
    return found


def _words(tree: Tree) -> tuple[str, ...]:
    if not isinstance(tree, Listing) or not tree.items:
        raise values.UnfitError(
            f'a command is a list of words, such as ["GET", "key"]; this is {values.described(tree)}'
        )
    return tuple(values.any_text(item) for item in tree.items)


def _metric(tree: Tree) -> str:
    found = values.text(tree)
    if not _METRIC.fullmatch(found):
        raise values.UnfitError(f"the name of a metric is needed here, this is {values.shown(found)}")
    return found
