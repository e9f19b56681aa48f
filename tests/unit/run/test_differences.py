"""Why a profile works on one target and not on another: each cause with its evidence, and `unknown` without any."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from profile_smoke.model import (
    Cause,
    CellResult,
    Denial,
    Difference,
    DifferenceCause,
    Effect,
    Evidence,
    Expected,
    FilterCheck,
    FilterFinding,
    Launch,
    LaunchKind,
    Outcome,
    Process,
    ProfileRef,
    TargetInfo,
    Verdict,
)
from profile_smoke.profile import raw_oci
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.profile.document import Document, parse
from profile_smoke.profile.resolve import reachable, resolve
from profile_smoke.resources import bundled
from profile_smoke.run.differences import differences
from profile_smoke.run.plan import Cell
from profile_smoke.scenario.catalog import Catalog
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from profile_smoke.profile.model import Profile

PLAIN = '{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"}]}'
DOCKERS = """{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
  {"names": ["chown"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]}},
  {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}]}"""
OLD = """{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"name": "read", "action": "SCMP_ACT_ALLOW"}]}"""


@dataclass(frozen=True)
class Place:
    """A target, as far as differences ask it."""

    name: str
    plain: bool = False
    caps: tuple[str, ...] = ("CAP_CHOWN",)
    unknown: frozenset[str] = field(default_factory=frozenset)

    def meaning(self, document: Document) -> Profile:
        if self.plain:
            return reachable(raw_oci.plain_reading(document), tables.native())
        return resolve(document.profile, caps=self.caps, arch=tables.native(), kernel=(6, 0))

    def default_capabilities(self) -> tuple[str, ...]:
        return self.caps

    def knows(self, syscall: str) -> bool:
        return syscall not in self.unknown


DOCKER, KUBERNETES = Place("docker"), Place("kubernetes", plain=True)


def denial(name: str, phase: str = "start") -> Denial:
    number = tables.number(tables.native(), name)
    assert number is not None
    return Denial(
        name, number, tables.native(), (0,) * 6, f"{name}()", "EPERM", phase, Process(1, "a", "/a"), 1.0, 1,
        Evidence.NOTIFY, Effect.BLOCKING,
    )  # fmt: skip


def launch(kind: LaunchKind, outcome: Outcome = Outcome.PASSED) -> Launch:
    return Launch(kind, None, outcome, 1.0)


def result(cell: Cell, verdict: Verdict, *denials: Denial, **more: Any) -> CellResult:
    document = cell.profile.document
    return CellResult(
        id=cell.id,
        profile=ProfileRef(cell.profile.name, None, document.sha256 if document else None),
        scenario=cell.scenario.name,
        target=TargetInfo(cell.target, {"libseccomp": f"of {cell.target}", "kernel": "6.1"}),
        image=None,
        expected=Expected.ANY,
        verdict=verdict,
        no_new_privileges=cell.scenario.start.no_new_privileges,
        denials=denials,
        **{
            "blocking": tuple(sorted({each.syscall for each in denials}))
            if verdict is Verdict.BLOCKED
            else (),
            "launches": (launch(LaunchKind.ENFORCE), launch(LaunchKind.OBSERVE)),
            **more,
        },
    )


def cell(target: Place, text: str | None = PLAIN, *, setting: bool = False) -> Cell:
    document = parse(text, "mine.json") if text else None
    scenario = Catalog([bundled("scenarios")]).find("redis")
    scenario = replace(scenario, start=replace(scenario.start, no_new_privileges=setting))
    return Cell(NamedProfile("mine", document, None), scenario, target.name, changed=setting)


def told(*pairs: tuple[Place, Cell, CellResult]) -> list[Difference]:
    places = {place.name: place for place, _, _ in pairs}
    documents = {cell.profile.name: cell.profile.document for _, cell, _ in pairs}
    return list(
        differences(
            [result for _, _, result in pairs],
            lambda info: places[info.name],
            lambda profile: documents[profile.name],
        )
    )


def compared(
    works: Place,
    fails: Place,
    text: str | None,
    *denials: Denial,
    passed: dict[str, Any] | None = None,
    blocked: dict[str, Any] | None = None,
) -> list[Difference]:
    one, other = cell(works, text), cell(fails, text)
    return told(
        (works, one, result(one, Verdict.PASSED, **(passed or {}))),
        (fails, other, result(other, Verdict.BLOCKED, *denials, **(blocked or {}))),
    )


def test_fields_of_dockers_format_that_are_dropped() -> None:
    """Docker resolves the rule, containerd loads all of it or nothing: the cause, by its fields."""
    [found] = compared(DOCKER, KUBERNETES, OLD, denial("read"))
    assert found.cause is DifferenceCause.DOCKER_ONLY_FIELDS
    assert (found.works, found.fails, found.calls) == (
        "mine/redis@docker",
        "mine/redis@kubernetes",
        ("read",),
    )
    assert found.text.startswith("kubernetes drops fields of Docker's format from the profile (name (1))")


def test_fields_that_are_dropped_where_it_works() -> None:
    """It works because the condition that would refuse the call is lost: less safe, so told all the same."""
    [found] = compared(KUBERNETES, DOCKER, DOCKERS, denial("mount"))
    assert found.cause is DifferenceCause.DOCKER_ONLY_FIELDS
    assert found.text.startswith("kubernetes drops fields")


def test_other_capabilities_resolve_to_another_profile() -> None:
    """Both resolve the format, with the set that each gives."""
    more = Place("oci", caps=("CAP_CHOWN", "CAP_SYS_ADMIN"))
    [found] = compared(DOCKER, more, DOCKERS, denial("chown"))
    assert found.cause is DifferenceCause.CAPABILITIES
    assert found.text == "containers have other capabilities: oci gives CAP_SYS_ADMIN"


def test_a_name_that_one_library_does_not_know() -> None:
    """The rule is dropped there without a word; versions are told, for whoever updates one."""
    old = Place("oci", unknown=frozenset({"read"}))
    [found] = compared(DOCKER, old, PLAIN, denial("read"))
    assert found.cause is DifferenceCause.RUNTIME
    assert "docker has libseccomp of docker; oci has libseccomp of oci" in found.text


def test_what_was_found_in_a_loaded_filter() -> None:
    """The text means the same, the kernel has something else loaded."""
    finding = FilterFinding(Cause.UNKNOWN_NAME, False, tables.native(), ("chown",), "dropped")  # noqa: FBT003
    [found] = compared(
        DOCKER, KUBERNETES, PLAIN, denial("chown"), blocked={"filter": FilterCheck(findings=(finding,))}
    )
    assert found.cause is DifferenceCause.RUNTIME
    assert "docker has libseccomp of docker; kubernetes has libseccomp of kubernetes" in found.text


def test_a_call_of_one_runtimes_init_alone() -> None:
    """Where the other was observed, and did not make it."""
    [found] = compared(DOCKER, KUBERNETES, PLAIN, denial("fchownat", "create"))
    assert found.cause is DifferenceCause.RUNTIME
    assert "the runtime's init makes it on kubernetes" in found.text


@pytest.mark.parametrize(
    ("phase", "passed"),
    [
        ("start", {}),
        ("create", {"launches": (launch(LaunchKind.ENFORCE),)}),
        ("create", {"denials": (denial("chown", "create"),)}),
    ],
    ids=["the workload's", "not observed", "met on both"],
)
def test_without_evidence_it_is_unknown(phase: str, passed: dict[str, Any]) -> None:
    """Nothing is guessed."""
    one, other = cell(DOCKER), cell(KUBERNETES)
    works = replace(result(one, Verdict.PASSED), **passed)
    found = told(
        (DOCKER, one, works), (KUBERNETES, other, result(other, Verdict.BLOCKED, denial("chown", phase)))
    )
    assert [each.cause for each in found] == [DifferenceCause.UNKNOWN]


def test_no_blocking_call_is_no_cause() -> None:
    """Which calls block it was not found, so why it differs was not either."""
    [found] = compared(DOCKER, KUBERNETES, OLD)
    assert (found.cause, found.calls) == (DifferenceCause.UNKNOWN, ())


def test_each_cause_once_with_its_calls() -> None:
    """Two calls for one reason are one line, two reasons are two."""
    found = compared(DOCKER, KUBERNETES, OLD, denial("read"), denial("chown"), denial("fchownat", "create"))
    assert {each.cause: each.calls for each in found} == {
        DifferenceCause.DOCKER_ONLY_FIELDS: ("read",),
        DifferenceCause.UNKNOWN: ("chown",),
        DifferenceCause.RUNTIME: ("fchownat",),
    }


@pytest.mark.parametrize(("setting", "words"), [(False, "without no_new_privs"), (True, "with no_new_privs")])
def test_no_new_privs_alone(setting: bool, words: str) -> None:  # noqa: FBT001
    """One target, two settings: nothing else can be the cause."""
    one, other = cell(DOCKER, setting=not setting), cell(DOCKER, setting=setting)
    [found] = told(
        (DOCKER, one, result(one, Verdict.PASSED)),
        (DOCKER, other, result(other, Verdict.BLOCKED, denial("capset", "create"))),
    )
    assert found.cause is DifferenceCause.NO_NEW_PRIVILEGES
    assert found.text.startswith(f"{words} it is blocked")


def test_cells_that_differ_in_two_things_are_not_compared() -> None:
    """Neither would be shown to be the cause."""
    one, other = cell(DOCKER), cell(KUBERNETES, setting=True)
    assert (
        told(
            (DOCKER, one, result(one, Verdict.PASSED)),
            (KUBERNETES, other, result(other, Verdict.BLOCKED, denial("chown"))),
        )
        == []
    )


def test_another_default_profile() -> None:
    """Under one target's default the workload runs, under the other's it does not."""
    one, other = cell(DOCKER, None), cell(KUBERNETES, None)
    failed = result(other, Verdict.ERROR, control=launch(LaunchKind.CONTROL, Outcome.FAILED))
    [found] = told((DOCKER, one, result(one, Verdict.PASSED)), (KUBERNETES, other, failed))
    assert found.cause is DifferenceCause.DEFAULT_PROFILE


def test_trouble_is_no_difference() -> None:
    """A daemon that is gone says nothing of the profile."""
    one, other = cell(DOCKER), cell(KUBERNETES)
    assert (
        told((DOCKER, one, result(one, Verdict.PASSED)), (KUBERNETES, other, result(other, Verdict.ERROR)))
        == []
    )


def test_a_file_that_is_not_there_any_more_is_no_evidence() -> None:
    """What the targets made of it cannot be compared: said, not guessed. Nor is another file of the same name it."""
    one, other = cell(DOCKER, OLD), cell(KUBERNETES, OLD)
    results = [result(one, Verdict.PASSED), result(other, Verdict.BLOCKED, denial("read"))]
    places = {"docker": DOCKER, "kubernetes": KUBERNETES}
    [found] = differences(results, lambda info: places[info.name], lambda _profile: None)
    assert found.cause is DifferenceCause.UNKNOWN
    assert found.text.startswith("the file of the profile mine is not here as it was")


def test_two_files_of_one_name_are_two_profiles() -> None:
    """Parts of a merged result may have been made with different files: nothing else is compared then."""
    one, other = cell(DOCKER, OLD), cell(KUBERNETES, PLAIN)
    assert (
        told(
            (DOCKER, one, result(one, Verdict.PASSED)),
            (KUBERNETES, other, result(other, Verdict.BLOCKED, denial("read"))),
        )
        == []
    )


def test_calls_of_another_architecture_are_not_judged_here() -> None:
    """A result may be looked at on another machine than it was made on."""
    foreign = "aarch64" if tables.native() == "x86_64" else "x86_64"
    [found] = compared(DOCKER, KUBERNETES, OLD, replace(denial("read"), arch=foreign))
    assert found.cause is DifferenceCause.UNKNOWN
    assert f"the call was made on {foreign}" in found.text
