"""Scenario files: strict, versioned YAML that maps one to one on the model.

A pass over a file finds every problem in it: `check` lists them, `load` raises the first.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import paths
from profile_smoke.errors import BadFileError
from profile_smoke.model import Expected
from profile_smoke.scenario import values, yamltree
from profile_smoke.scenario.checks import PORT, check_port, read_check
from profile_smoke.scenario.fields import Problem, Section
from profile_smoke.scenario.model import Check, LogCheck, Probe, Ready, Scenario, Start, Stop

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA = "profile-smoke/scenario-v1"
FILE_NAME = "scenario.yaml"
STANDIN_NAME = "standin.yaml"
SIGNALS = frozenset(
    {member.name.removeprefix("SIG") for member in signal.Signals}
    - {"CLD", "IOT", "POLL", "KILL", "STOP", "RTMAX"}
)
"""Names of signals a workload can be asked to act on; aliases and those it cannot handle are left out."""

_VARIABLE = re.compile(r"[^=\0]+")
_IMAGE = re.compile(r"[^\s\0]+")
_PLACEHOLDER = LogCheck(pattern="?")
"""Stands for a check that could not be read while the rest of the file is: never leaves this module."""


def load(path: Path | str) -> Scenario:
    """The scenario in a file, or in the `scenario.yaml` of a folder.

    Raises BadFileError with the first problem.
    """
    file = scenario_file(Path(path))
    scenario, problems = _read(file)
    if problems:
        raise BadFileError(file, problems[0].where, problems[0].text)
    return scenario


def check(path: Path | str) -> tuple[BadFileError, ...]:
    """Every problem of a file (or of a folder's `scenario.yaml`) by line; empty when it is fine."""
    file = scenario_file(Path(path))
    try:
        _, problems = _read(file)
    except BadFileError as error:
        return (error,)
    return tuple(BadFileError(file, problem.where, problem.text) for problem in problems)


def scenario_file(path: Path) -> Path:
    """The file that is meant by a path to a file or to a folder."""
    return path / FILE_NAME if paths.is_dir(path) else path


def _read(file: Path) -> tuple[Scenario, list[Problem]]:
    tree = yamltree.parse(yamltree.read(file), file)
    problems: list[Problem] = []
    top = Section(tree, "", problems)
    if not isinstance(tree, yamltree.Table):
        raise BadFileError(
            file, f"line {tree.line}", f"a scenario is a table of keys, this is {values.described(tree)}"
        )
    top.value("schema", values.one_of((SCHEMA,)), default="", required=True)
    start = _start(top.section("start"))
    ports = None if problems else start.ports  # where those are wrong, what follows from them is no news
    standin = file.parent / STANDIN_NAME
    scenario = Scenario(
        name=top.value("name", values.name, default="?", required=True),
        summary=top.value("summary", values.text, default="?", required=True),
        image=top.value("image", _image, default="?", required=True),
        start=start,
        ready=_ready(top, ports),
        probes=_probes(top, ports),
        stop=_stop(top.section("stop")),
        profiles=_profiles(top.section("profiles")),
        path=file,
        standin=standin if paths.is_file(standin) else None,
        skip_without_image=top.value("skip_without_image", values.flag, default=False),
    )
    top.close()
    return scenario, sorted(problems)


def _start(section: Section | None) -> Start:
    if section is None:
        return Start()
    start = Start(
        entrypoint=section.values("entrypoint", values.text),
        args=section.values("args", values.text),
        env=_env(section.section("env")),
        user=section.value("user", values.text, default="") or None,
        ports=section.values("ports", PORT),
        volumes=section.values("volumes", values.absolute),
        files=_files(section.section("files")),
        no_new_privileges=section.value("no_new_privileges", values.flag, default=False),
    )
    for key, items in (("ports", start.ports), ("volumes", start.volumes)):
        if len(set(items)) < len(items):
            section.report("names something twice", key)
    section.close()
    return start


def _env(section: Section | None) -> Mapping[str, str] | None:
    if section is None:
        return None
    found: dict[str, str] = {}
    for key in section.names():
        if not _VARIABLE.fullmatch(key):
            section.report('is not the name of a variable: it is empty or holds "="', key)
        found[key] = section.value(key, values.any_text, default="")
    return found


def _files(section: Section | None) -> Mapping[str, str | int] | None:
    if section is None:
        return None
    found: dict[str, str | int] = {}
    for key in section.names():
        try:
            values.absolute_path(key)
        except values.UnfitError as error:
            section.report(str(error), key)
        if isinstance(section.tree(key), yamltree.Table):
            filler = section.section(key)
            assert filler is not None  # noqa: S101  the tree is there
            found[key] = filler.value("size", values.size, default=0, required=True)
            filler.close()
        else:
            found[key] = section.value(key, values.any_text, default="")
    return found


def _ready(top: Section, ports: tuple[int, ...] | None) -> Ready:
    section = top.section("ready")
    if section is None:
        top.missing(("ready",), 'the key "ready" is missing')
        return Ready(_PLACEHOLDER)
    ready = Ready(
        check=_check(section, ports),
        timeout=section.value("timeout", values.seconds, default=Ready.timeout),
    )
    section.close()
    return ready


def _probes(top: Section, ports: tuple[int, ...] | None) -> tuple[Probe, ...]:
    sections = top.sections("probes")
    if "probes" not in top:
        top.missing(("probes",), 'the key "probes" is missing')
    elif not sections and isinstance(top.tree("probes"), yamltree.Listing):
        top.report("at least one probe is needed: that it starts does not show that it works", "probes")
    found: dict[str, Probe] = {}
    for section in sections:
        probe = Probe(
            name=section.value("name", values.name, default="?", required=True),
            check=_check(section, ports),
            timeout=section.value("timeout", values.seconds, default=Probe.timeout),
            signal=section.value("signal", _signal, default="") or None,
            restart=section.value("restart", values.flag, default=False),
        )
        if probe.signal and probe.restart:
            section.report("a probe either sends a signal or restarts; make two of it", "signal")
        if probe.name in found and probe.name != "?":
            section.report(f"the name {values.shown(probe.name)} is taken by an earlier probe", "name")
        found[probe.name] = probe
        section.close()
    return tuple(found.values())


def _check(section: Section, ports: tuple[int, ...] | None) -> Check:
    check = read_check(section)
    if check is None:
        return _PLACEHOLDER
    port = check_port(check)
    if port is not None and ports is not None and port not in ports:
        listed = ", ".join(map(str, ports)) or "none"
        section.report(f"connects to port {port}, which start.ports does not name ({listed})")
    return check


def _stop(section: Section | None) -> Stop:
    if section is None:
        return Stop()
    codes = section.values("exit_codes", values.whole(0, 255), least=1)
    stop = Stop(
        signal=section.value("signal", _signal, default=Stop.signal),
        timeout=section.value("timeout", values.seconds, default=Stop.timeout),
        exit_codes=codes or Stop.exit_codes,
    )
    section.close()
    return stop


def _profiles(section: Section | None) -> Mapping[str, Expected]:
    found: dict[str, Expected] = {}
    if section is not None:
        for key in section.names():
            if not values.NAME.fullmatch(key):
                section.report("is not the short name of a profile (small letters, digits and hyphens)", key)
            found[key] = Expected(section.value(key, values.one_of(tuple(Expected)), default="any"))
    return found


def _signal(tree: yamltree.Tree) -> str:
    found = values.text(tree)
    if found.startswith("SIG") and found[3:] in SIGNALS:
        raise values.UnfitError(f"write {values.shown(found[3:])}, without SIG")
    return values.one_of(SIGNALS)(tree)


def _image(tree: yamltree.Tree) -> str:
    found = values.text(tree)
    if not _IMAGE.fullmatch(found):
        raise values.UnfitError(f"an image reference is needed here, this is {values.shown(found)}")
    return found
