"""What travels, as JSON: how a launch is to be observed, what was seen, and loaded programs.

Reading is strict: whatever is not as the same version writes it is a WireError that names the field.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from profile_smoke.agent.wire import WireError
from profile_smoke.errors import SmokeError
from profile_smoke.model import Answer, Denial, Effect, Evidence, Process
from profile_smoke.observe.conservative import ConservativeControl
from profile_smoke.observe.policy import Policy
from profile_smoke.observe.promised import PromisedControl
from profile_smoke.observe.record import Attempted
from profile_smoke.profile import render
from profile_smoke.profile.bpf import Program
from profile_smoke.profile.document import parse
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.loaded import LoadedFilter
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from profile_smoke.observe.policy import Control

T = TypeVar("T")
CONSERVATIVE = "conservative"


@dataclass(frozen=True)
class Seen:
    """What an observed launch showed, once and for all."""

    lines: tuple[Denial, ...] = ()
    names: tuple[Attempted, ...] = ()

    def denials(self) -> tuple[Denial, ...]:
        """All denials, in the order of their first attempt."""
        return self.lines

    def attempted(self) -> tuple[Attempted, ...]:
        """One entry per name, as `Record.attempted` orders them."""
        return self.names


def get(document: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """A field of a message. Raises WireError where it is missing or something else."""
    value = document.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise WireError(f"{key}: expected {kind.__name__}, not {value!r:.60}")
    return value


def policy_document(policy: Policy, knows: Callable[[str], bool]) -> dict[str, Any]:
    """How an agent is to answer; `knows`: whether the runtime's libseccomp knows a name."""
    plain = policy.evaluator.profile
    named = tables.all_names() | {name for rule in plain.rules for name in rule.names}
    return {
        "profile": render.to_oci(plain),
        "unknown": sorted(name for name in named if not knows(name)),
        "control": _control_document(policy.control),
        "answer": policy.answer.value,
    }


def policy_of(document: Mapping[str, Any]) -> Policy:
    """What `policy_document` wrote. Raises WireError."""
    unknown = frozenset(get(document, "unknown", list))
    try:
        profile = parse(json.dumps(get(document, "profile", dict)), "profile").profile
        evaluator = Evaluator(profile, tables.native(), known=lambda name: name not in unknown)
        return Policy(evaluator, _control_of(document.get("control")), Answer(get(document, "answer", str)))
    except (ValueError, TypeError, SmokeError) as error:
        raise WireError(f"policy: {error}") from None


def _control_document(control: Control) -> str | list[str]:
    match control:
        case LoadedFilter(programs=programs):
            return programs_document(programs)
        case ConservativeControl():
            return CONSERVATIVE
        case PromisedControl():
            return _control_document(control.settled())
        case _:
            raise TypeError(f"a control of the kind {type(control).__name__} does not travel")


def _control_of(document: object) -> Control:
    return ConservativeControl() if document == CONSERVATIVE else LoadedFilter(programs_of(document))


def programs_document(programs: Iterable[Program]) -> list[str]:
    """Loaded programs, in their order."""
    return [base64.b64encode(program.raw).decode() for program in programs]


def programs_of(document: object) -> tuple[Program, ...]:
    """What `programs_document` wrote. Raises WireError."""
    if not isinstance(document, list):
        raise WireError(f"programs: expected a list, not {document!r:.60}")
    try:
        return tuple(Program.parse(base64.b64decode(text, validate=True)) for text in document)
    except (binascii.Error, TypeError, ValueError, SmokeError) as error:
        raise WireError(f"programs: {error}") from None


def denial_document(denial: Denial) -> dict[str, Any]:
    """One denial; `first_ms` is counted from the moment at which its session was opened on the node."""
    return asdict(denial)


def denial_of(document: Mapping[str, Any], *, later_ms: float) -> Denial:
    """What `denial_document` wrote, its time moved by `later_ms`. Raises WireError."""
    try:
        fields = dict(document)
        return Denial(
            **{
                **fields,
                "args": _args(fields["args"]),
                "process": Process(**fields["process"]),
                "first_ms": fields["first_ms"] + later_ms,
                "evidence": Evidence(fields["evidence"]),
                "effect": Effect(fields["effect"]),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"denial: {type(error).__name__}: {error}") from None


def attempted_document(found: Attempted) -> dict[str, Any]:
    """One name that was tried."""
    return asdict(found)


def attempted_of(document: Mapping[str, Any]) -> Attempted:
    """What `attempted_document` wrote. Raises WireError."""
    try:
        return Attempted(
            **{
                **document,
                "says": _decision(document["says"]),
                "control": _decision(document["control"]),
                "samples": tuple(map(_args, document["samples"])),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(f"attempted: {type(error).__name__}: {error}") from None


def _decision(document: Mapping[str, Any]) -> Decision:
    return Decision(Action(document["action"]), int(document["errno"]))


def _args(values: Iterable[int]) -> tuple[int, ...]:
    return tuple(map(int, values))
