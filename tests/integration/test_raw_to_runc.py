"""A profile in Docker's format handed to runc as it is, the way containerd does: what opened is named."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.engine_default import Engine, engine
from tests.support.runc_filter import loaded

from profile_smoke.model import Cause, FilterFinding
from profile_smoke.observe import readback
from profile_smoke.profile import render
from profile_smoke.profile.document import Document, parse
from profile_smoke.profile.findings import Reading, findings
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.raw_oci import plain_reading
from profile_smoke.profile.resolve import resolve
from profile_smoke.syscall import danger, libseccomp, tables
from profile_smoke.target.capabilities import DEFAULT as CAPABILITIES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tests.conftest import Cli

pytestmark = [
    pytest.mark.oci,
    pytest.mark.skipif(
        bool(readback.why_not()) or shutil.which("runc") is None or tables.native() != "x86_64",
        reason="filters of runc cannot be read back here",
    ),
]
INSTALLED = Path("/usr/share/containers/seccomp.json")
ARCHES = tables.runnable("x86_64")


def docker_format() -> str:
    """A small profile that gives dangerous calls only with capabilities, as Docker's own does."""
    plain = sorted(name for name in tables.all_names() if danger.danger(name) is None)
    admin = "bpf clone3 fsopen mount perf_event_open setns umount2 unshare"
    document = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
        "syscalls": [
            {"names": plain, "action": "SCMP_ACT_ALLOW"},
            {
                "names": admin.split(),
                "action": "SCMP_ACT_ALLOW",
                "includes": {"caps": ["CAP_SYS_ADMIN"]},
            },
            {"names": ["reboot"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_BOOT"]}},
            {"names": ["chroot"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_CHROOT"]}},
        ],
    }
    return json.dumps(document)


def found_by(tmp_path: Path, document: Document, handed: Mapping[str, Any]) -> tuple[FilterFinding, ...]:
    plain = resolve(document.profile, caps=CAPABILITIES, arch="x86_64", kernel=(6, 1))
    programs = loaded(tmp_path, f"raw-{tmp_path.name}", handed)
    reading = Reading(plain, plain_reading(document), "x86_64", libseccomp.resolves)
    return findings(LoadedFilter(programs), reading, ARCHES)


def opened(found: tuple[FilterFinding, ...]) -> set[str]:
    return {name for each in found if each.opens for name in each.calls}


def test_what_a_raw_reading_opens_is_named(tmp_path: Path) -> None:
    """Every call that was tied to a capability is open on the native ABI; 32-bit calls are all killed; both say why."""
    document = parse(docker_format(), "docker.json")
    found = found_by(tmp_path, document, document.raw)
    assert opened(found) == {
        "bpf", "chroot", "clone3", "fsopen", "mount", "perf_event_open", "reboot", "setns", "umount2", "unshare",
    }  # fmt: skip
    assert {each.cause for each in found if each.opens} == {Cause.DOCKER_ONLY_FIELDS}
    (lost,) = (each for each in found if each.abi == "x86")
    assert "every call is killed" in lost.text
    assert lost.cause is Cause.DOCKER_ONLY_FIELDS


def test_the_same_profile_resolved_first_opens_nothing(tmp_path: Path) -> None:
    """As Docker hands it over: only names that the machine's libseccomp does not know differ."""
    document = parse(docker_format(), "docker.json")
    plain = resolve(document.profile, caps=CAPABILITIES, arch="x86_64", kernel=(6, 1))
    found = found_by(tmp_path, document, render.to_oci(plain))
    assert opened(found) == set()
    assert {each.cause for each in found} <= {Cause.UNKNOWN_NAME}


@pytest.fixture(scope="module")
def dockers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Engine, Path]:
    """What the engine here does by default, and the profile that this comes from, in a file."""
    found = engine()
    path = tmp_path_factory.mktemp("engine") / "dockers-default.json"
    path.write_text(json.dumps(found.document()))
    return found, path


@pytest.mark.docker
@pytest.mark.usefixtures("no_leftovers")
def test_dockers_default_is_known_from_what_the_engine_does(dockers: tuple[Engine, Path]) -> None:
    """The profile that was worked out means just what the engine loads, on every ABI, whatever a container may do.

    But for names that libseccomp does not know on an ABI (see `test_findings`).
    """
    found, path = dockers
    profile = parse(path.read_text("utf-8"), path.name).profile
    for caps, loaded_filter in found.filters.items():
        plain = resolve(profile, caps=caps, arch="x86_64", kernel=(6, 1))
        differing = findings(loaded_filter, Reading(plain, None, "x86_64", libseccomp.resolves), ARCHES)
        assert {each.cause for each in differing} <= {Cause.UNKNOWN_NAME}, caps
        assert opened(differing) == set(), caps


@pytest.mark.docker
def test_dockers_default_handed_over_raw_opens_what_it_gives_with_capabilities(
    tmp_path: Path, dockers: tuple[Engine, Path], cli: Cli
) -> None:
    """Every call that Docker ties to a capability which a container has not is open, and named; so says `profile diff`."""
    _, path = dockers
    document = parse(path.read_text("utf-8"), path.name)
    tied = {
        name
        for rule in document.raw["syscalls"]
        if (caps := rule.get("includes", {}).get("caps")) and not set(caps) & set(CAPABILITIES)
        for name in rule["names"]
    }
    assert tied >= {
        "mount", "umount2", "unshare", "setns", "bpf", "clone3", "perf_event_open", "fsopen", "move_mount", "reboot",
        "init_module", "finit_module", "open_by_handle_at", "settimeofday", "iopl", "acct", "quotactl", "syslog",
    }  # fmt: skip
    found = found_by(tmp_path, document, document.raw)
    native = {
        name for name in tied if tables.number("x86_64", name) is not None and libseccomp.resolves(name)
    }
    assert opened(found) == native
    assert {each.cause for each in found if each.opens} == {Cause.DOCKER_ONLY_FIELDS}
    told = " ".join(each.text for each in found if each.opens)
    assert {
        name for name in ("mount", "unshare", "setns", "bpf", "clone3", "perf_event_open") if name in told
    }
    ran = cli("profile", "diff", str(path), "--for", "docker", "--for", "kubernetes", "-f", "json")
    opens = {
        name
        for each in json.loads(ran.stdout)["differences"]
        if each["effect"] == "opens" and each["abi"] == "x86_64"
        for name in each["syscalls"]
    }
    assert opens >= native


@pytest.mark.skipif(not INSTALLED.exists(), reason=f"{INSTALLED} is not installed")
def test_the_default_profile_of_container_tools_read_raw(tmp_path: Path) -> None:
    """The file that the distribution ships for podman, in Docker's format: modules, bpf and the like are open."""
    document = parse(INSTALLED.read_text("utf-8"), str(INSTALLED))
    found = found_by(tmp_path, document, document.raw)
    assert opened(found) >= {
        "bpf", "perf_event_open", "init_module", "finit_module", "delete_module", "open_by_handle_at", "quotactl",
        "settimeofday", "iopl", "ioperm", "acct",
    }  # fmt: skip
    text = next(each.text for each in found if each.opens)
    assert "bpf" in text
    assert "perf_event_open" in text
