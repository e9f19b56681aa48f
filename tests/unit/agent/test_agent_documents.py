"""What travels arrives as it was: policies that decide alike, records, programs, errors; anything else is refused."""

from __future__ import annotations

import json
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.agent import documents
from profile_smoke.agent.failures import failure_document, failure_of
from profile_smoke.agent.wire import WireError
from profile_smoke.errors import DiskFullError, InstrumentError, RuntimeRefusedError, SmokeError
from profile_smoke.model import Answer, Denial, Evidence, Process
from profile_smoke.observe.conservative import ConservativeControl
from profile_smoke.observe.interface import NotHandedOverError
from profile_smoke.observe.policy import Policy
from profile_smoke.observe.promised import PromisedControl
from profile_smoke.observe.readback import ProcessGoneError
from profile_smoke.observe.record import Attempted
from profile_smoke.profile.bpf import Instruction, Program
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.model import Action, Arg, Decision, Op, Profile, Rule
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from profile_smoke.observe.policy import Control

NATIVE = tables.native()
WORDS = st.integers(0, 2**64 - 1)
ARGS = st.tuples(*[WORDS] * 6)
NAMES = sorted(tables.all_names())
DECISIONS = st.builds(Decision, st.sampled_from(Action), st.integers(0, 4095))
LOADED = LoadedFilter(
    (
        Program(
            (
                Instruction(0x20, 0, 0, 0),
                Instruction(0x15, 0, 1, 41),
                Instruction(0x06, 0, 0, 0x00050001),
                Instruction(0x06, 0, 0, 0x7FFF0000),
            )
        ),
    )
)
RULES = st.builds(
    Rule,
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=3).map(tuple),
    st.sampled_from([Action.ALLOW, Action.ERRNO]),
    args=st.just(()) | st.builds(lambda index, value: (Arg(index, value, Op.EQ),), st.integers(0, 5), WORDS),
)
DENIALS = st.builds(
    Denial,
    syscall=st.sampled_from(NAMES),
    number=st.integers(0, 500),
    arch=st.sampled_from(["x86_64", "x86", "x32"]),
    args=ARGS,
    text=st.text(max_size=40),
    errno=st.sampled_from(["EPERM", "SIGSYS"]),
    phase=st.text(max_size=10),
    process=st.builds(Process, st.integers(1, 4_000_000), st.text(max_size=15), st.text(max_size=30)),
    first_ms=st.floats(0, 1e6),
    count=st.integers(1, 10**9),
    evidence=st.just(Evidence.NOTIFY),
)
ATTEMPTED = st.builds(
    Attempted,
    name=st.sampled_from(NAMES),
    says=DECISIONS,
    control=DECISIONS,
    samples=st.lists(ARGS, max_size=3).map(tuple),
    sampled_all=st.booleans(),
    in_init=st.booleans(),
)


def travelled(document: Any) -> Any:
    return json.loads(json.dumps(document))


@given(
    st.lists(RULES, max_size=4),
    st.sets(st.sampled_from(NAMES), max_size=20),
    st.sampled_from(Answer),
    st.data(),
)
def test_a_policy_decides_alike_at_both_ends(
    rules: list[Rule], unknown: set[str], answer: Answer, data: st.DataObject
) -> None:
    """Names that the runtime does not know, conditions, the control's program: nothing of it is lost on the way."""
    profile = Profile(Action.ERRNO, architectures=(tables.scmp_arch(NATIVE),), rules=tuple(rules))
    try:
        evaluator = Evaluator(profile, NATIVE, known=lambda name: name not in unknown)
    except RuntimeRefusedError:
        return
    promise: Future[Control] = Future()
    promise.set_result(LOADED)
    controls: list[Control] = [LOADED, ConservativeControl(), PromisedControl(promise)]
    control = data.draw(st.sampled_from(controls))
    sent = Policy(evaluator, control, answer)
    got = documents.policy_of(travelled(documents.policy_document(sent, lambda name: name not in unknown)))
    for name in {
        *data.draw(st.lists(st.sampled_from(NAMES), max_size=10)),
        *(n for rule in rules for n in rule.names),
    }:
        number = tables.number(NATIVE, name)
        if number is not None:
            call = tables.audit_arch(NATIVE), number, data.draw(ARGS)
            assert got.decide(*call, runtime=False) == sent.decide(*call, runtime=False)
            assert got.decide(*call, runtime=True) == sent.decide(*call, runtime=True)


@given(DENIALS, st.floats(-1e5, 1e5))
def test_denials_arrive_with_the_clients_time(denial: Denial, later: float) -> None:
    """Only the moment is changed: it counts from the client's beginning of the launch."""
    got = documents.denial_of(travelled(documents.denial_document(denial)), later_ms=later)
    assert got.first_ms == denial.first_ms + later
    assert documents.denial_of(travelled(documents.denial_document(denial)), later_ms=0) == denial


@given(ATTEMPTED)
def test_attempts_arrive(found: Attempted) -> None:
    """With all their samples."""
    assert documents.attempted_of(travelled(documents.attempted_document(found))) == found


def test_programs_arrive() -> None:
    """Byte for byte, in their order."""
    assert documents.programs_of(travelled(documents.programs_document(LOADED.programs))) == LOADED.programs


@pytest.mark.parametrize(
    "change",
    [
        {"profile": None},
        {"profile": {"defaultAction": "SCMP_ACT_WHATEVER"}},
        {"unknown": "all"},
        {"control": "liberal"},
        {"control": ["not base64"]},
        {"control": ["AAAA"]},
        {"answer": "maybe"},
    ],
)
def test_a_policy_that_is_none_is_refused(change: dict[str, Any]) -> None:
    """An agent never observes by a policy that it has misread."""
    policy = Policy(Evaluator(Profile(Action.ERRNO), NATIVE), LOADED, Answer.DENY)
    document = travelled(documents.policy_document(policy, lambda _name: True))
    with pytest.raises(WireError):
        documents.policy_of({**document, **change})


@pytest.mark.parametrize("document", [{}, {"args": 5}, {"says": {"action": "x", "errno": 0}}])
def test_a_record_that_is_none_is_refused(document: dict[str, Any]) -> None:
    """Missing and wrong fields are errors of the wire, not tracebacks."""
    with pytest.raises(WireError):
        documents.denial_of(document, later_ms=0)
    with pytest.raises(WireError):
        documents.attempted_of(document)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NotHandedOverError("x"), NotHandedOverError),
        (ProcessGoneError("x"), ProcessGoneError),
        (DiskFullError("x"), DiskFullError),
        (OSError(28, "No space left on device"), DiskFullError),
        (OSError(30, "Read-only file system"), InstrumentError),
        (RuntimeRefusedError("x"), InstrumentError),
        (KeyError("x"), InstrumentError),
    ],
)
def test_errors_arrive_as_their_kind(error: Exception, kind: type[SmokeError]) -> None:
    """What the pipeline tells apart stays apart; all else is a failed instrument; each names the node."""
    got = failure_of(travelled(failure_document(error)), "node worker-1")
    assert type(got) is kind
    assert str(got).startswith("node worker-1: ")


def test_every_error_of_the_agent_is_infrastructure() -> None:
    """Nothing that an agent may say can make a cell `blocked`, whatever kind it names."""
    for kind in ("disk-full", "process-gone", "not-handed-over", "instrument", "no such kind", None):
        assert failure_of({"kind": kind}, "x").exit_code == 4
