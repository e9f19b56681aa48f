"""A Docker engine's own default profile, worked out from what it does.

The engine keeps that profile in its program, and shows it to nobody. But it loads a filter for every container, which
depends on the container's capabilities: so one container without any, and one with each alone, tell which calls are
tied to which capability. What their arguments are compared with is assumed, and whoever uses the result holds it
against what the engine loads.
"""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profile_smoke import rundir
from profile_smoke.image.store import Store
from profile_smoke.model import RUN_LABEL
from profile_smoke.observe import readback
from profile_smoke.observe.process import status_field
from profile_smoke.profile._vocabulary import CAPABILITIES
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.syscall import tables
from profile_smoke.target.docker import connect
from profile_smoke.target.docker_images import EngineImages

if TYPE_CHECKING:
    from collections.abc import Mapping

    import docker

    from profile_smoke.rundir import RunDir

SCENARIO = Path(__file__).parents[2] / "scenarios" / "nginx"
_AT_ONCE = 4
_READ_SECONDS = 60.0
_NAMESPACES, _VSOCK = 0x7E020000, 40
ASSUMED: Mapping[str, tuple[tuple[int, str, int], ...]] = {
    "clone": ((_NAMESPACES, "SCMP_CMP_MASKED_EQ", 0),),
    "personality": tuple((value, "SCMP_CMP_EQ", 0) for value in (0, 8, 0x20000, 0x20008, 0xFFFFFFFF)),
    "socket": ((_VSOCK, "SCMP_CMP_NE", 0),),
}
"""What the first argument is compared with, of calls whose answer depends on arguments: value, operator, second value."""

Behaviour = frozenset[tuple[str, int]]
"""The actions and errnos that a call can come to."""
_ALLOWED: Behaviour = frozenset({("SCMP_ACT_ALLOW", 0)})
_REFUSED: Behaviour = frozenset({("SCMP_ACT_ERRNO", 1)})


@dataclass(frozen=True)
class Engine:
    """The filters that an engine loads, by the capabilities of the container."""

    filters: Mapping[tuple[str, ...], LoadedFilter]

    def document(self) -> dict[str, Any]:
        """The profile in Docker's format, its rules in the order of Docker's: what is allowed comes first."""
        none = self.filters[()]
        default: list[str] = []
        tied: dict[str, list[str]] = {}
        conditional: dict[str, list[str]] = {}
        refused: dict[tuple[str, int], list[tuple[str, list[str]]]] = {}
        for name in sorted(tables.all_names()):
            plain = _behaviour(none, name)
            opened_by = [
                caps[0]
                for caps, found in self.filters.items()
                if caps and plain != _ALLOWED and _behaviour(found, name) == _ALLOWED
            ]
            for cap in opened_by:
                tied.setdefault(cap, []).append(name)
            if plain == _ALLOWED:
                default.append(name)
            elif len(plain) > 1:
                conditional[name] = opened_by
            elif opened_by and plain != _REFUSED:
                refused.setdefault(next(iter(plain)), []).append((name, opened_by))
        return {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 1,
            "archMap": [
                {
                    "architecture": "SCMP_ARCH_X86_64",
                    "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"],
                }
            ],
            "syscalls": [
                _rule(default),
                *(_rule(names, includes={"caps": [cap]}) for cap, names in sorted(tied.items())),
                *(
                    _rule([name], args=[_arg(*each)], excludes={"caps": caps} if caps else None)
                    for name, caps in conditional.items()
                    for each in ASSUMED[name]
                ),
                *(
                    _rule([name], action=action, errno=code, excludes={"caps": caps} if caps else None)
                    for (action, code), names in refused.items()
                    for name, caps in names
                ),
            ],
        }


def engine() -> Engine:
    """Start a container for each capability that this machine has, and read its filter."""
    with rundir.open_run(rundir.new_run_id()) as run:
        (run.path / "docker").mkdir()  # so that `clean` looks for containers if this is killed
        client = connect()
        try:
            standin = SCENARIO / "standin.yaml"
            image = EngineImages(client, Store(rundir.home())).prepare("nginx:1.21", standin, policy="always")
            bounding = int(status_field(os.getpid(), "CapBnd") or "0", 16)
            here = [cap for bit, cap in enumerate(CAPABILITIES) if bounding >> bit & 1]
            wanted: list[tuple[str, ...]] = [(), *((cap,) for cap in here)]
            assert image.engine_ref
            engine_ref = image.engine_ref
            with ThreadPoolExecutor(_AT_ONCE) as pool:
                found = pool.map(lambda caps: _filter(client, run, engine_ref, caps), wanted)
                return Engine(dict(zip(wanted, found, strict=True)))
        finally:
            client.close()
            (run.path / "docker").rmdir()


def _filter(client: docker.DockerClient, run: RunDir, image: str, caps: tuple[str, ...]) -> LoadedFilter:
    container = client.containers.create(
        image,
        entrypoint=["sleep", "60"],
        cap_drop=["ALL"],
        cap_add=list(caps),
        network_mode="none",
        labels={RUN_LABEL: run.run_id},
    )
    try:
        container.start()
        container.reload()
        pid = int(container.attrs["State"]["Pid"])
        deadline = time.monotonic() + _READ_SECONDS
        while not (programs := readback.read_filters(pid)):  # the runtime's init loads it only now
            assert time.monotonic() < deadline, f"no filter was loaded with {caps}"
            time.sleep(0.01)
        return LoadedFilter(programs)
    finally:
        container.remove(force=True)


def _behaviour(found: LoadedFilter, name: str) -> Behaviour:
    """What a call can come to on the first ABI of this machine that has it; nothing where none has."""
    for arch in ("x86_64", "x86"):
        if (number := tables.number(arch, name)) is not None:
            return frozenset((each.action.value, each.errno) for each in found.answers(arch, number))
    return frozenset()


def _rule(
    names: list[str],
    *,
    action: str = "SCMP_ACT_ALLOW",
    errno: int | None = None,
    args: list[dict[str, int | str]] | None = None,
    includes: dict[str, list[str]] | None = None,
    excludes: dict[str, list[str]] | None = None,
) -> dict[str, Any]:
    rule: dict[str, Any] = {"names": names, "action": action}
    given = {"errnoRet": errno, "args": args, "includes": includes, "excludes": excludes}
    return rule | {key: value for key, value in given.items() if value}


def _arg(value: int, op: str, value_two: int) -> dict[str, int | str]:
    return {"index": 0, "value": value, "valueTwo": value_two, "op": op}
