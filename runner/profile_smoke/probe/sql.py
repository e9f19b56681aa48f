"""SQL over the server's own protocol: one statement after another, each committed by itself."""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, Any

from profile_smoke.probe.exchange import NotYetError, brief, exchange

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    import pymysql

    from profile_smoke.probe.interface import Surface
    from profile_smoke.scenario.model import SqlCheck

_GARBLED = (struct.error, LookupError, ValueError, AssertionError)
"""What the drivers raise where bytes are not their protocol, or end early: they check little."""


def seen(check: SqlCheck, surface: Surface, timeout: float) -> str:
    """The last statement's first row when it is the expected one. Raises NotYetError."""
    run: Callable[[SqlCheck, socket.socket], Sequence[Any] | None]
    run = _mysql if check.engine == "mysql" else _postgresql
    with exchange(surface, check.port, timeout) as sock:
        row = run(check, sock)
    if row is None:
        raise NotYetError("the last statement gave no row")
    texts = tuple(map(_as_text, row))
    if texts != check.expect:
        raise NotYetError(f"the row {brief(repr(texts))} instead of {brief(repr(check.expect))}")
    return f"the row {brief(repr(texts))}"


def _as_text(value: object) -> str:
    """A column as text: SQL's NULL is `NULL`, truth is as PostgreSQL writes it, bytes are read as UTF-8."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return str(value)


def _mysql(check: SqlCheck, sock: socket.socket) -> Sequence[Any] | None:
    """PyMySQL takes a connected socket, and uses TLS, unverified, where the server offers it.

    That is needed: the default authentication of MySQL 8 (caching_sha2_password) hands no password over in
    the clear.
    """
    import pymysql

    connection = pymysql.Connection(
        user=check.user,
        password=check.password,
        database=check.database,
        charset="utf8mb4",
        autocommit=True,
        defer_connect=True,
    )
    try:
        _log_in(connection, sock)
        with connection.cursor() as cursor:
            for statement in check.statements:
                cursor.execute(statement)
            return cursor.fetchone()
    except pymysql.MySQLError as error:
        raise NotYetError(_mysql_problem(error)) from error
    except _GARBLED as error:
        raise NotYetError(f"not the MySQL protocol ({type(error).__name__})") from error
    finally:
        if connection.open:
            connection.close()


def _log_in(connection: pymysql.Connection[Any], sock: socket.socket) -> None:
    try:
        connection.connect(sock)
    except RuntimeError as error:  # how PyMySQL says that it would have to encrypt the password with RSA
        if "cryptography" not in str(error):
            raise
        raise NotYetError("MySQL: this login needs TLS, which the server does not offer") from error


def _mysql_problem(error: Exception) -> str:
    code, *words = error.args or ("",)
    return brief(f"MySQL {code}: {words[0]}" if words else f"MySQL: {code}")


def _postgresql(check: SqlCheck, sock: socket.socket) -> Sequence[Any] | None:
    """pg8000 takes a connected socket. No TLS: the images offer none, and SCRAM does without."""
    from pg8000 import native

    try:
        connection = native.Connection(
            check.user, password=check.password, database=check.database, sock=sock, ssl_context=False
        )
        try:
            rows = None
            for statement in check.statements:
                rows = connection.run(statement)
            return rows[0] if rows else None
        finally:
            with contextlib.suppress(native.InterfaceError, OSError):
                connection.close()
    except native.DatabaseError as error:
        raise NotYetError(_postgresql_problem(error)) from error
    except native.InterfaceError as error:
        raise NotYetError(f"PostgreSQL: {brief(str(error))}") from error
    except (*_GARBLED, AttributeError) as error:  # pg8000 meets messages out of order with attributes unset
        raise NotYetError(f"not the PostgreSQL protocol ({type(error).__name__})") from error


def _postgresql_problem(error: Exception) -> str:
    """The server's own fields: C code, M message (protocol-error-fields in PostgreSQL's manual)."""
    fields = error.args[0] if error.args and isinstance(error.args[0], dict) else {}
    return brief(f"PostgreSQL {fields.get('C', '')}: {fields.get('M', error)}")
