"""The settings: options that an environment variable and a file can say too, all by one name.

The option `--max-launches` is the variable `PROFILE_SMOKE_MAX_LAUNCHES` and the key `max-launches`. What belongs to one
invocation only (`--only`, `--shard`, `--output`, `--write-fix`, `--keep`, `--exit-zero`, formats) is no setting.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from profile_smoke.cli import values
from profile_smoke.cli.options import PrivilegeEscalation, StandinMode, TargetName
from profile_smoke.target.kubernetes_plan import Reach, SeccompAt, Workload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PREFIX = "PROFILE_SMOKE_"
CONFIG = f"{PREFIX}CONFIG"
NO_SETTINGS = ("HOME", "DEBUG", "REQUIRE", "NODE_IMAGE")
"""Variables with our prefix that are no settings: where images are kept, tracebacks, what this project's tests require, the
image of a cluster's nodes."""
GATE = "gate"
"""The switch: on where the file has a table of this name. The gate's own settings are in that table."""


class Shape(Enum):
    """What a setting is in a file.

    In a variable, the items of a list are apart by commas or line breaks, and those of a table are like `KEY=VALUE`.
    """

    TEXT = "a text"
    NUMBER = "a whole number"
    FLAG = "true or false"
    LIST = "a list of texts"
    TABLE = "a table of texts"


@dataclass(frozen=True)
class Setting:
    """One setting. `field` is its place in Options, `option` the flag that wins over all (empty: there is none).

    `convert` makes a value of one text and raises ArgumentTypeError. `anchor` makes a path in a file relative to the
    file's folder (None: there are no paths in it).
    """

    name: str
    field: str
    shape: Shape
    option: str
    convert: Callable[[str], Any] = str
    anchor: Callable[[str, Path], str] | None = None

    @property
    def variable(self) -> str:
        """``PROFILE_SMOKE_MAX_LAUNCHES``."""
        return PREFIX + self.name.upper().replace("-", "_").replace(".", "_")


def _path(text: str, folder: Path) -> str:
    """The path from the working directory."""
    start = os.path.relpath(folder)
    return text if start == "." else os.path.normpath(os.path.join(start, text))  # noqa: PTH118  texts stay texts


def _named(text: str, folder: Path) -> str:
    """A name or glob as it is, a path from the folder: what holds a slash or ends like a file."""
    return _path(text, folder) if "/" in text or text.endswith((".json", ".yaml")) else text


def _archive(text: str, folder: Path) -> str:
    """An archive from the folder where it is written as one, `./web.tar`; a reference as it is."""
    return _path(text, folder) if text.startswith(("./", "../")) else text


def _report(text: str, folder: Path) -> str:
    form, equals, path = text.partition("=")
    return f"{form}{equals}{_path(path, folder)}"


SETTINGS = (
    Setting("profile", "profiles", Shape.LIST, "--profile", anchor=_named),
    Setting("scenario", "scenarios", Shape.LIST, "--scenario", anchor=_named),
    Setting("scenarios-dir", "scenarios_dirs", Shape.LIST, "--scenarios-dir", values.folder, _path),
    Setting("target", "targets", Shape.LIST, "--target", values.choice(TargetName)),
    Setting("profiles-dir", "profiles_dirs", Shape.LIST, "--profiles-dir", values.folder, _path),
    Setting(
        "privilege-escalation",
        "privilege_escalation",
        Shape.TEXT,
        "--privilege-escalation",
        values.choice(PrivilegeEscalation),
    ),
    Setting("context", "context", Shape.TEXT, "--context"),
    Setting("namespace", "namespace", Shape.TEXT, "--namespace"),
    Setting("workload", "workload", Shape.TEXT, "--workload", values.choice(Workload)),
    Setting("seccomp-at", "seccomp_at", Shape.TEXT, "--seccomp-at", values.choice(SeccompAt)),
    Setting("node-access", "node_access", Shape.TEXT, "--node-access", values.choice(Reach)),
    Setting("image", "images", Shape.TABLE, "--image", anchor=_archive),
    Setting("standin", "standin", Shape.TEXT, "--standin", values.choice(StandinMode)),
    Setting("jobs", "jobs", Shape.NUMBER, "--jobs", values.positive),
    Setting("max-launches", "max_launches", Shape.NUMBER, "--max-launches", values.positive),
    Setting("observe", "observe", Shape.FLAG, "--no-observe", values.flag),
    Setting("unused", "unused", Shape.FLAG, "--unused", values.flag),
    Setting("baseline", "baseline", Shape.TEXT, "--baseline", anchor=_path),
    Setting("deny-check", "deny_check", Shape.FLAG, "--deny-check", values.flag),
    Setting("deny", "deny", Shape.LIST, "--deny", values.danger_class),
    Setting("permit", "permit", Shape.LIST, "--permit", values.danger_class),
    Setting("report", "reports", Shape.LIST, "--report", values.report, _report),
    Setting("quiet", "quiet", Shape.FLAG, "--quiet", values.flag),
    Setting(GATE, "gate", Shape.FLAG, "--gate", values.flag),
    Setting("gate.fail-on", "fail_on", Shape.LIST, "", values.gate_rule),
    Setting("gate.max-unused", "max_unused", Shape.NUMBER, "", values.count),
    Setting("gate.min-score", "min_score", Shape.TEXT, "", values.tier),
)
