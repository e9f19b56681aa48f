"""What a recording holds: the calls that were seen, and what was made of them; plain data, as a file keeps it."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  the JSON reader takes the annotations at run time
from dataclasses import dataclass

from profile_smoke.model import ImageInfo, TargetInfo  # noqa: TC001  so it does with these

SCHEMA = "profile-smoke/recording-v1"


@dataclass(frozen=True)
class Call:
    """One syscall as a workload made it.

    `abis` are those that it was made by, `phases` and `programs` when and by what; `count` attempts in all launches;
    `launches` in how many of them it was seen. `errno` is what the default profile answered, None where it let the call
    pass; `args` the distinct arguments that it was let pass with, where a rule can look at them (zeros for the others);
    None: not all are known, or no rule would look at them.
    """

    name: str
    abis: tuple[str, ...]
    phases: tuple[str, ...]
    programs: tuple[str, ...]
    count: int
    launches: int
    errno: int | None
    args: tuple[tuple[int, ...], ...] | None


@dataclass(frozen=True)
class Recording:
    """What one scenario did on one target: what it covers is what `probes` made it do, and no more.

    `no_new_privileges` is how it was observed; `launches` how many times.
    """

    scenario: str
    image: ImageInfo
    target: TargetInfo
    no_new_privileges: bool
    probes: tuple[str, ...]
    launches: int
    calls: tuple[Call, ...]


@dataclass(frozen=True)
class Verification:
    """A kernel-enforced launch under the profile that passed."""

    scenario: str
    target: str
    no_new_privileges: bool
    seconds: float


@dataclass(frozen=True)
class Recorded:
    """The result of `record`.

    `profile` is where it went, `sha256` that of its text. `observed` are the calls that were seen and let pass, here or in
    merged recordings; `generalised` those that are allowed beside them, each with its reason; `limited` those of both that
    are allowed with some arguments only; `refused` what was seen and refused, by errno. `required` are observed calls
    without which an enforced launch failed; None: not tried out.
    """

    profile: str
    sha256: str
    recordings: tuple[Recording, ...]
    merged: tuple[str, ...]
    base: str | None
    observed: tuple[str, ...]
    generalised: Mapping[str, str]
    limited: tuple[str, ...]
    refused: Mapping[str, int]
    required: tuple[str, ...] | None
    verified: tuple[Verification, ...]
    notes: tuple[str, ...]
    seconds: float
    schema: str = SCHEMA
