"""Blame on scripted trials: what it finds is sufficient, minimal, proven, and cheap."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.profile.model import Action, Arg, Op, Rule
from profile_smoke.run.blame import Blame, find_blame
from profile_smoke.run.blame_trials import BudgetExhausted, Seen
from profile_smoke.run.candidates import Candidate
from profile_smoke.syscall.spare import MISSED_AT_TIMES, USUALLY_SPARED

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence


def made(name: str, *, in_init: bool = False) -> Candidate:
    """A candidate whose narrow rules are its wide ones."""
    rules = (Rule((name,), Action.ALLOW),)
    return Candidate(name, rules, rules, in_init)


def narrow(name: str) -> Candidate:
    """A candidate that can be allowed for one argument value, or altogether."""
    rules = (Rule((name,), Action.ALLOW, args=(Arg(0, 1, Op.EQ),)),)
    return Candidate(name, rules, (Rule((name,), Action.ALLOW),), in_init=False)


class ScriptedTrials:
    """A workload that tries its calls in order and gives up at the first refused one that it cannot do without.

    `works` says for a set of allowed names (and whether argument conditions are dropped) if the kernel lets it work.
    The same enforced question counts once, as in a real cell, whose first enforced launch `launches` starts with.
    """

    def __init__(
        self,
        calls: Sequence[Candidate],
        works: Callable[[frozenset[str], bool], bool],
        *,
        budget: int = 1000,
        hidden: Collection[str] = (),
        shown: int = 1000,
    ) -> None:
        self.calls, self.works, self.budget = calls, works, budget
        self.hidden = frozenset(hidden)
        """Calls that are only tried once another was refused."""
        self.shown = shown
        """How many calls it survives being observed at."""
        self.launches = 1
        self.asked: dict[tuple[frozenset[str], bool], bool] = {}

    def _spend(self) -> None:
        if self.launches >= self.budget:
            raise BudgetExhausted
        self.launches += 1

    def let_pass(self, allowed: Collection[Candidate]) -> Seen:
        self._spend()
        fresh = [each for each in self.calls if each not in allowed and each.name not in self.hidden]
        return Seen(passed=len(fresh) <= self.shown, candidates=tuple(fresh[: self.shown]))

    def refuse(self, allowed: Collection[Candidate]) -> Seen:
        self._spend()
        names = frozenset(each.name for each in allowed)
        everything = frozenset(each.name for each in self.calls)
        met: list[Candidate] = []
        for each in self.calls:
            if each.name not in names:
                met.append(each)
                if not self.works(everything - {each.name}, NARROW):
                    break
        return Seen(self.works(names, NARROW), tuple(met))

    def enforce(self, allowed: Collection[Candidate], *, wide: bool) -> bool:
        question = frozenset(each.name for each in allowed), wide
        if question not in self.asked:
            self._spend()
            self.asked[question] = self.works(*question)
        return self.asked[question]

    def steady(self, allowed: Collection[Candidate], *, wide: bool, times: int) -> bool:
        question = frozenset(each.name for each in allowed), wide
        for _ in range(times):
            self._spend()
            if not self.works(*question):
                self.asked[question] = False
        return self.asked.get(question, True)

    def enforce_all(self, sets: Sequence[Collection[Candidate]], *, wide: bool) -> list[bool | None]:
        answers: list[bool | None] = []
        for each in sets:
            try:
                answers.append(self.enforce(each, wide=wide))
            except BudgetExhausted:
                answers.append(None)
        return answers


def needing(*ways: Collection[str]) -> Callable[[frozenset[str], bool], bool]:
    """A workload that works once all the calls of one of these ways are allowed."""
    return lambda allowed, _wide: any(allowed >= set(way) for way in ways)


def search(trials: ScriptedTrials, *, in_create: bool = False, write: bool = False) -> Blame:
    return find_blame(trials, unobservable=[made("write")] if write else [], failed_in_create=in_create)


def names(blame: Blame) -> set[str]:
    assert blame.needed is not None
    return {each.name for each in blame.needed}


NARROW = False
"""Argument conditions are kept: what `works` is mostly asked with."""
NAMES = tuple("abcdefghijklmnopqrst")


Workload = tuple[tuple[Candidate, ...], list[frozenset[str]], frozenset[str]]
"""Calls, the ways to work, and the calls that are only tried once another was refused."""


@st.composite
def workloads(draw: st.DrawFn) -> Workload:
    """Calls in any order, some made by the runtime's init too; ways to work; calls tried only after a refusal."""
    count = draw(st.integers(1, len(NAMES)))
    order = draw(st.permutations(NAMES[:count]))
    inits = draw(st.sets(st.sampled_from(order)))
    way = st.frozensets(st.sampled_from(order), min_size=1)
    ways = draw(st.lists(way, min_size=1, max_size=4))
    hidden = draw(st.frozensets(st.sampled_from(order), max_size=3)) - ways[0]
    return tuple(made(name, in_init=name in inits) for name in order), ways, hidden


@given(workload=workloads(), in_create=st.booleans())
def test_what_is_found_suffices_and_nothing_in_it_can_be_left_out(
    *, workload: Workload, in_create: bool
) -> None:
    """Whatever a workload needs, by whatever alternatives: the set that is found works, and no smaller part of it does."""
    calls, ways, hidden = workload
    works = needing(*ways)
    blame = search(ScriptedTrials(calls, works, hidden=hidden), in_create=in_create)
    found = frozenset(names(blame))
    assert works(found, NARROW)
    assert not any(works(found - {name}, NARROW) for name in found)
    assert blame.minimal
    assert blame.proven == found
    assert not blame.exhausted


@given(workload=workloads(), in_create=st.booleans())
def test_the_necessary_calls_are_what_is_found_where_they_suffice(
    *, workload: Workload, in_create: bool
) -> None:
    """With a single way to work, the blocking calls are exactly those that it consists of."""
    calls, ways, hidden = workload
    blame = search(ScriptedTrials(calls, needing(ways[0]), hidden=hidden), in_create=in_create)
    assert names(blame) == ways[0]
    assert blame.tolerated == {each.name for each in blame.pool} - ways[0]


@given(workload=workloads(), budget=st.integers(1, 40), in_create=st.booleans())
def test_the_bound_ends_the_search_wherever_it_strikes(
    *, workload: Workload, budget: int, in_create: bool
) -> None:
    """No launch beyond the bound; what is needed was seen to work, and does not work without what is proven."""
    calls, ways, hidden = workload
    works = needing(*ways)
    trials = ScriptedTrials(calls, works, budget=budget, hidden=hidden)
    blame = search(trials, in_create=in_create)
    assert trials.launches <= budget
    if blame.needed is None:
        assert blame.exhausted
        assert not blame.proven
        assert not blame.tolerated
        return
    found = frozenset(names(blame))
    assert trials.asked[found, NARROW]
    assert blame.proven <= found
    assert not any(works(found - {name}, NARROW) for name in blame.proven)
    assert blame.minimal or blame.exhausted


def test_the_bound_strikes_at_every_point_of_a_long_search() -> None:
    """From one launch on, each bound gives an answer that is as good as its launches, up to the full one."""
    calls = [made(name) for name in NAMES]
    needed = set(NAMES[:12])
    sizes = []
    for budget in range(1, 60):
        blame = search(ScriptedTrials(calls, needing(needed), budget=budget))
        sizes.append(len(blame.proven))
        assert blame.exhausted or blame.minimal
    assert sizes[0] == 0
    assert sizes[-1] == 12
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("tolerated", range(12))
@pytest.mark.parametrize("in_init", [False, True])
def test_one_missing_call_costs_at_most_six_launches(*, tolerated: int, in_init: bool) -> None:
    """The first enforced launch included, wherever the call comes among harmless refusals."""
    harmless = [made(name) for name in NAMES[:tolerated]]
    for place in range(tolerated + 1):
        calls = [*harmless[:place], made("missing", in_init=in_init), *harmless[place:]]
        trials = ScriptedTrials(calls, needing({"missing"}))
        assert names(search(trials, in_create=in_init)) == {"missing"}
        assert trials.launches <= 6, f"{place} of {tolerated}"


@pytest.mark.parametrize("tolerated", range(9))
def test_three_missing_calls_cost_at_most_twelve_launches(tolerated: int) -> None:
    """As for one, for three that are spread over the workload's life."""
    missing = {"first", "second", "third"}
    harmless = [made(name) for name in NAMES[:tolerated]]
    calls = [made("first"), *harmless[::2], made("second"), *harmless[1::2], made("third")]
    trials = ScriptedTrials(calls, needing(missing))
    assert names(search(trials)) == missing
    assert trials.launches <= 12


def test_what_the_runtimes_init_tried_is_suspected_first_when_it_failed_in_create() -> None:
    """One suspect among many calls: allowed, shown to suffice twice and to be needed, without another observation."""
    calls = [made("capset", in_init=True), *(made(name) for name in NAMES)]
    trials = ScriptedTrials(calls, needing({"capset"}))
    assert names(search(trials, in_create=True)) == {"capset"}
    assert trials.launches <= 5


def test_write_is_tried_though_nothing_shows_it() -> None:
    """`write` cannot be notified of: it is in the pool all the same, and proven like any other."""
    blame = search(ScriptedTrials([made("read")], needing({"write"})), write=True)
    assert names(blame) == {"write"} == blame.proven
    assert blame.tolerated == {"read"}


def test_a_workload_that_does_not_bear_being_observed_is_seen_bit_by_bit() -> None:
    """What was seen before is allowed in the next look, which so gets further, as long as it finds something new."""
    calls = [made(name) for name in "abcdef"]
    trials = ScriptedTrials(calls, needing("af"), shown=2)
    assert names(search(trials)) == {"a", "f"}
    assert {each.name for each in search(ScriptedTrials(calls, needing("af"), shown=0)).pool} <= set("abcdef")


def test_whole_calls_are_allowed_only_where_argument_conditions_do_not_suffice() -> None:
    """Narrow rules first; `wide` tells that they had to be dropped."""
    narrowly = search(ScriptedTrials([narrow("socket")], needing({"socket"})))
    assert not narrowly.wide
    widely = search(ScriptedTrials([narrow("socket")], lambda allowed, wide: wide and "socket" in allowed))
    assert widely.wide
    assert names(widely) == {"socket"}


@pytest.mark.parametrize("calls", [[], [made("a")], [made(name) for name in NAMES]])
def test_nothing_is_blamed_where_allowing_all_of_it_does_not_help(calls: list[Candidate]) -> None:
    """A profile that fails for another reason leaves no needed call, none proven, none tolerated."""
    blame = search(ScriptedTrials(calls, lambda _allowed, _wide: False))
    assert blame.needed is None
    assert not blame.proven
    assert not blame.tolerated
    assert not blame.minimal
    assert not blame.exhausted


def test_a_call_that_comes_up_with_other_arguments_gets_the_rules_of_both() -> None:
    """The first observation saw one address family, the second another: the fix allows both."""
    first = Candidate(
        "socket",
        (Rule(("socket",), Action.ALLOW, args=(Arg(0, 1, Op.EQ),)),),
        made("socket").wide,
        in_init=False,
    )
    second = Candidate(
        "socket",
        (Rule(("socket",), Action.ALLOW, args=(Arg(0, 2, Op.EQ),)),),
        made("socket").wide,
        in_init=True,
    )
    others = [made(name) for name in "abcd"]

    class Changing(ScriptedTrials):
        def refuse(self, allowed: Collection[Candidate]) -> Seen:
            super().refuse(allowed)
            return Seen(passed=False, candidates=(second,))

    blame = search(Changing([first, *others], needing({"socket"})))
    assert blame.needed == (Candidate("socket", first.rules + second.rules, first.wide, in_init=True),)


class Racing:
    """A workload that also fails every third time it is launched without `luck`."""

    def __init__(self, *needed: str, luck: str) -> None:
        self.needed, self.luck, self.lucky = set(needed), luck, 0

    def __call__(self, allowed: frozenset[str], _wide: bool) -> bool:  # noqa: FBT001  as the others are called
        if not allowed >= self.needed:
            return False
        if self.luck in allowed:
            return True
        self.lucky += 1
        return self.lucky % 3 != 0


def test_a_set_that_passes_at_times_only_is_not_called_a_fix() -> None:
    """What a race is lost without comes back into the fix, and the search says that it met one."""
    needed = NAMES[:5]
    calls = [made(name) for name in (*needed, "luck", "idle")]
    blame = search(ScriptedTrials(calls, Racing(*needed, luck="luck")))
    assert blame.unsteady
    assert names(blame) == {*needed, "luck"} == blame.proven


def test_what_a_race_is_usually_lost_without_comes_back_first() -> None:
    """The many others that were dropped are not gone through again: each of them would take several launches."""
    needed, idle = NAMES[:5], [f"idle{number}" for number in range(20)]
    calls = [made(name) for name in (*needed, *idle, "rt_sigprocmask", "flock")]
    trials = ScriptedTrials(calls, Racing(*needed, luck="rt_sigprocmask"))
    blame = search(trials)
    assert blame.unsteady
    assert names(blame) == {*needed, "rt_sigprocmask"} == blame.proven
    again = ScriptedTrials(calls, needing([*needed, "rt_sigprocmask"]))
    search(again)
    assert trials.launches <= again.launches + 15


@given(losses=st.lists(st.booleans(), min_size=1, max_size=40), idle=st.integers(0, 12))
def test_a_lost_race_blames_nothing_else(*, losses: list[bool], idle: int) -> None:
    """A launch that failed for want of luck proves nothing of the call that it was to do without."""
    lost = iter([*losses, *[True] * 1000])

    def works(allowed: frozenset[str], _wide: bool) -> bool:  # noqa: FBT001  as the others are called
        return "vital" in allowed and ("rt_sigprocmask" in allowed or not next(lost))

    calls = [made(name) for name in ("vital", *NAMES[:idle], "rt_sigprocmask", "brk")]
    blame = search(ScriptedTrials(calls, works))
    assert blame.minimal
    if blame.unsteady or "rt_sigprocmask" in names(blame):
        assert names(blame) == {"vital", "rt_sigprocmask"} == blame.proven


def test_where_nothing_passes_each_time_the_fix_is_not_called_verified() -> None:
    """The last launch of what was found failed, and that is what is answered when it is asked for again."""
    turns = itertools.count()

    def works(allowed: frozenset[str], _wide: bool) -> bool:  # noqa: FBT001  as the others are called
        return "vital" in allowed and next(turns) == 0

    trials = ScriptedTrials([made("vital")], works)
    blame = search(trials)
    assert blame.unsteady
    assert not trials.enforce(blame.known_needed, wide=blame.wide)


def test_what_races_are_lost_without_is_not_left_out_first() -> None:
    """All launches that follow would be without it, and what they prove could be the race."""
    assert not USUALLY_SPARED & MISSED_AT_TIMES


def test_a_steady_set_is_called_steady() -> None:
    """Without a race nothing is launched but the repeats."""
    needed = NAMES[:5]
    blame = search(ScriptedTrials([made(name) for name in (*needed, "idle")], needing(needed)))
    assert not blame.unsteady
    assert blame.proven == set(needed)


def test_of_many_calls_those_that_are_usually_spared_are_left_out_together() -> None:
    """One launch for all of them where they are, few more where one is needed: that one is blocking all the same."""
    spared = [made(name) for name in sorted(USUALLY_SPARED)]
    vital = [made(f"vital{number}") for number in range(12)]
    names = {each.name for each in vital}
    plain = ScriptedTrials([*spared, *vital], needing(names))
    blame = search(plain)
    assert (blame.proven, blame.minimal, blame.tolerated) == (frozenset(names), True, USUALLY_SPARED)
    assert plain.launches <= len(vital) + 20
    odd = ScriptedTrials([*spared, *vital], needing(names | {"brk"}))
    assert search(odd).proven == names | {"brk"}
    assert odd.launches <= len(vital) + 20 + 2 * 6
