"""From "it does not work under this profile" to the smallest set of rules that makes it work, proven by launches.

Observed launches only suggest; what is concluded is concluded from launches that the kernel alone enforced:

1. An observed launch that lets refused calls pass, as far as the default profile does, gives the pool: all that could
   matter. One that fails all the same is followed by another, in which what was seen is allowed.
2. Few calls: go on with all of them. Many: an observed launch that refuses them shows the call after which the workload
   gives up; allow it, look again. Too many rounds: go on with all.
3. The profile with these rules must pass, enforced. Then every rule is left out in turn: what fails without it is
   blocking, what passes without it is dropped. Of many, those that programs usually do without are left out first, together:
   launches that pass are the long ones.
4. What is left is launched again. A set that passed by luck does not pass every time; then what was dropped comes back,
   the calls first without which races are lost, until it does; and is dropped again only where several launches pass
   without it. What failed without that proves nothing any more: it may only have lost the race.

Between launches one thing is inferred instead of launched: if it fails with MORE allowed, it fails with less.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from profile_smoke.run.blame_trials import BudgetExhausted
from profile_smoke.run.candidates import Candidate
from profile_smoke.syscall.spare import MISSED_AT_TIMES, USUALLY_SPARED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from profile_smoke.run.blame_trials import Trials

_DIRECT = 2
"""Up to this many candidates, leaving out each in turn is cheaper than looking for suspects first."""
ROUNDS = 4
_FEW, _REPEATS, _REPEATS_OF_MANY = 3, 1, 5
"""How often a found set is launched again: the more a profile refuses, the more races there are to lose."""
_SEQUENTIAL = 8
"""Up to this many, one launch after the other, each using what the last one taught; above, side by side."""


@dataclass
class Blame:
    """What the search found.

    `needed` is the set of candidates to allow (None: no set was found); `proofs` what was allowed in an enforced launch
    that failed, by the name that it failed without; `wide` whether argument conditions had to be dropped; `exhausted`
    whether the bound ended the search; `unsteady` whether a set was met that passes at some times only.
    """

    pool: tuple[Candidate, ...] = ()
    needed: tuple[Candidate, ...] | None = None
    proofs: dict[str, frozenset[str]] = field(default_factory=dict)
    wide: bool = False
    exhausted: bool = False
    unsteady: bool = False

    @property
    def known_needed(self) -> tuple[Candidate, ...]:
        """The set that was found. Raises ValueError before there is one."""
        if self.needed is None:
            raise ValueError("no set was found")
        return self.needed

    @property
    def proven(self) -> frozenset[str]:
        """Names of the found set without which an enforced launch failed."""
        return frozenset(self.proofs)

    @property
    def unproven(self) -> tuple[Candidate, ...]:
        """Those of the found set that no launch failed without."""
        return tuple(each for each in self.known_needed if each.name not in self.proven)

    @property
    def minimal(self) -> bool:
        """Whether every needed candidate is proven."""
        return self.needed is not None and self.proven >= _names(self.needed)

    @property
    def tolerated(self) -> frozenset[str]:
        """Names that the workload goes on without."""
        if self.needed is None:
            return frozenset()
        return _names(self.pool) - _names(self.needed)

    def widen(self, needed: Sequence[Candidate]) -> None:
        """Go on with more allowed. What failed with less than that, but for one call, does not prove that call any more."""
        self.needed, names = tuple(needed), _names(needed)
        self.proofs = {name: allowed for name, allowed in self.proofs.items() if allowed >= names - {name}}


def _names(candidates: Collection[Candidate]) -> frozenset[str]:
    return frozenset(each.name for each in candidates)


def find_blame(trials: Trials, *, unobservable: Sequence[Candidate], failed_in_create: bool) -> Blame:
    """Search.

    `unobservable` are candidates that no observation can show (`write`); `failed_in_create` says where the enforced
    launch of the plain profile failed.
    """
    blame = Blame()
    pool: dict[str, Candidate] = {}
    try:
        let_pass(trials, pool)
        for each in unobservable:
            pool.setdefault(each.name, each)
        sufficient = _sufficient(trials, pool, blame, failed_in_create=failed_in_create)
        blame.pool = tuple(pool.values())
        if sufficient is not None:
            blame.needed = tuple(sufficient)
            _minimise(trials, blame)
            _settle(trials, blame)
    except BudgetExhausted:
        blame.exhausted = True
    blame.pool = tuple(pool.values())
    return blame


def let_pass(trials: Trials, pool: dict[str, Candidate]) -> None:
    """Learn all that the workload asks for, in at most ROUNDS launches.

    Being observed can make it fail: a signal ends the wait for the supervisor, and where its handler was set without
    SA_RESTART the call fails with EINTR, which `fork` never does otherwise (seccomp_unotify(2)). What was seen is then
    allowed for real, so that the next look gets further.
    """
    for _ in range(ROUNDS):
        known = len(pool)
        seen = trials.let_pass(list(pool.values()))
        _learn(pool, seen.candidates)
        if seen.passed or len(pool) == known:
            return


def _learn(pool: dict[str, Candidate], candidates: Sequence[Candidate]) -> None:
    """Add what was seen; a call seen again with other arguments needs the rules of both."""
    for each in candidates:
        known = pool.get(each.name)
        if known is None:
            pool[each.name] = each
        elif known.rules != each.rules:
            rules = (
                known.wide
                if each.wide in (known.rules, each.rules)
                else tuple(dict.fromkeys(known.rules + each.rules))
            )
            pool[each.name] = Candidate(each.name, rules, known.wide, known.in_init or each.in_init)


def _sufficient(
    trials: Trials, pool: dict[str, Candidate], blame: Blame, *, failed_in_create: bool
) -> list[Candidate] | None:
    """A set of candidates with which the enforced launch passes, preferably small."""
    if len(pool) > _DIRECT and (found := _by_suspects(trials, pool, failed_in_create=failed_in_create)):
        return found
    if not pool:
        return None
    everything = list(pool.values())
    if trials.enforce(everything, wide=False):
        return everything
    if any(each.rules != each.wide for each in everything) and trials.enforce(everything, wide=True):
        blame.wide = True
        return everything
    return None


def _by_suspects(
    trials: Trials, pool: dict[str, Candidate], *, failed_in_create: bool
) -> list[Candidate] | None:
    """Allow, one after the other, the call after which the workload gave up; None when that leads nowhere quickly."""
    # The runtime's init is let pass when observed, so its calls are suspects at once if that is where it failed.
    names = [each.name for each in pool.values() if failed_in_create and each.in_init]
    if len(names) > _SEQUENTIAL:
        return None
    if names and trials.enforce(suspects := [pool[name] for name in names], wide=False):
        return suspects
    for turn in range(ROUNDS):
        seen = trials.refuse([pool[name] for name in names])
        _learn(pool, seen.candidates)
        fresh = [each.name for each in seen.candidates if each.name not in names]
        if seen.passed or not fresh:
            break
        names.append(fresh[-1])
        if turn == 0 and trials.enforce(suspects := [pool[name] for name in names], wide=False):
            return suspects
    suspects = [pool[name] for name in names]
    return suspects if suspects and trials.enforce(suspects, wide=False) else None


def _minimise(trials: Trials, blame: Blame) -> None:
    """Leave out what can be left out. In turn where there are few; else the many that are not needed, in groups."""
    needed = blame.known_needed

    def passes(rest: Sequence[Candidate]) -> bool:
        return trials.enforce(rest, wide=blame.wide)

    if len(needed) > _SEQUENTIAL:
        _drop(blame, [each for each in needed if each.name in USUALLY_SPARED], passes)
        _drop_side_by_side(trials, blame)
        _drop(blame, blame.unproven, passes)
    else:
        for each in reversed(needed):
            _drop(blame, (each,), passes)


def _drop_side_by_side(trials: Trials, blame: Blame) -> None:
    """Each left out of the set: what fails is proven; often these alone suffice."""
    full, unproven = blame.known_needed, blame.unproven
    without = [[other for other in full if other is not each] for each in unproven]
    results = trials.enforce_all(without, wide=blame.wide)
    for each, rest, passed in zip(unproven, without, results, strict=True):
        if passed is False:
            blame.proofs[each.name] = _names(rest)
    if None in results:
        raise BudgetExhausted


def _drop(blame: Blame, group: Sequence[Candidate], passes: Callable[[Sequence[Candidate]], bool]) -> None:
    """Go on without the group where that passes; else the same with each half of it."""
    if not group:
        return
    rest = tuple(each for each in blame.known_needed if each not in group)
    if passes(rest):
        blame.needed = rest
    elif len(group) == 1:
        blame.proofs[group[0].name] = _names(rest)
    else:
        half = len(group) // 2
        _drop(blame, group[half:], passes)
        _drop(blame, group[:half], passes)


def _settle(trials: Trials, blame: Blame) -> None:
    """Make sure that the set does not pass by luck: a refused call can lose a race that is mostly won."""
    times = _REPEATS if len(blame.known_needed) <= _FEW else _REPEATS_OF_MANY
    if trials.steady(blame.known_needed, wide=blame.wide, times=times):
        return
    blame.unsteady = True

    def steady(rest: Sequence[Candidate]) -> bool:
        return trials.enforce(rest, wide=blame.wide) and trials.steady(
            rest, wide=blame.wide, times=_REPEATS_OF_MANY
        )

    lucky = blame.known_needed
    tried = _names(lucky).union(*blame.proofs.values())
    for wider in (
        [each for each in blame.pool if each in lucky or each.name in MISSED_AT_TIMES],
        [each for each in blame.pool if each.name in tried],
        blame.pool,
    ):
        if len(wider) > len(lucky) and steady(wider):
            blame.widen(wider)
            # First and alone: without all of it there is the set that has just failed, and is not tried again.
            _drop(blame, [each for each in wider if each not in lucky], steady)
            break
    _drop(blame, blame.unproven, steady)
