"""How libseccomp combines the rules for one call: not in the order of the profile, but as a tree of word comparisons.

What follows is observable in the generated programs, and matters where two conditional rules with different
actions both hold (libseccomp src/db.c, src/gen_bpf.c):

- An unconditional rule swallows every conditional one, earlier or later, and the first of several wins.
- A 64-bit condition becomes comparisons of the high and the low word; 32-bit ABIs compare the low word only.
- Comparisons on one level are tried by argument, highest first, then equality before `<` before `>`, tightest first.
- A comparison that two rules share exists once; if they want different actions of it, the rule is refused.

Two things are left out, because they are faults and not meaning: libseccomp 2.5.4 drops a rule as redundant although
its action differs, or the side of a comparison that it is about, in rare mixes of conditions; and some of its programs
compare the wrong word after a chain of conditions failed. Comparing the loaded filter shows both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from profile_smoke.profile.model import Arg, Op

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = 0xFFFFFFFF
_FULL = 0xFFFFFFFFFFFFFFFF
_INVERTED = {Op.NE: Op.EQ, Op.LT: Op.GE, Op.LE: Op.GT}
_RANK = {Op.MASKED_EQ: 3, Op.EQ: 3, Op.NE: 3, Op.LE: 2, Op.LT: 2, Op.GE: 1, Op.GT: 1}


class ConflictError(Exception):
    """libseccomp answers EEXIST: two rules want different things of one comparison."""


@dataclass
class _Outcome:
    """Where an outcome of a comparison leads: to a node on the next level, or to an action, or to the next node."""

    node: _Node | None = None
    action: int | None = None


@dataclass(eq=False)
class _Node:
    """One comparison of a word (`2 * argument`, plus 1 for the high word) with where its two outcomes lead."""

    word: int
    op: Op
    asked: Op
    mask: int
    datum: int
    full: int
    level: list[_Node] = field(default_factory=list)
    outcomes: dict[bool, _Outcome] = field(default_factory=lambda: {True: _Outcome(), False: _Outcome()})

    def __post_init__(self) -> None:
        self.datum &= self.mask
        self.level.append(self)

    @property
    def leaf(self) -> bool:
        return all(outcome.node is None for outcome in self.outcomes.values())

    def same(self, other: _Node) -> bool:
        return (self.word, self.op, self.datum, self.mask) == (other.word, other.op, other.datum, other.mask)

    def before(self, other: _Node) -> bool:
        """Whether this comparison comes before another on one level."""
        return self._rank > other._rank

    @property
    def _rank(self) -> tuple[int, int, int]:
        return self.word, _RANK[self.asked], -self.datum if self.asked in (Op.LT, Op.LE) else self.datum

    def holds(self, value: int) -> bool:
        value &= self.mask
        if self.op is Op.GT:
            return value > self.datum
        if self.op is Op.GE:
            return value >= self.datum
        return value == self.datum


class Tree:
    """The rules for one call in one ABI."""

    def __init__(self, *, wide: bool) -> None:
        """`wide`: the ABI has 64-bit words."""
        self._wide = wide
        self._root: _Node | None = None
        self._action: int | None = None

    def add(self, args: Sequence[Arg], action: int) -> None:
        """Add a rule: all `args` (each on an argument of its own) must hold for `action`, a filter's return value.

        Raises:
            ConflictError: libseccomp would refuse it.
        """
        if self._action is not None:
            return
        root = self._chain(args, action)
        if root is None:
            self._root, self._action = None, action
        elif self._root is None:
            self._root = root
        else:
            self._root = _merge(self._root, root)

    @property
    def conditional(self) -> bool:
        """Whether any rule left here compares an argument."""
        return self._root is not None

    def run(self, args: Sequence[int]) -> int | None:
        """The action for these arguments; None where no rule holds."""
        if self._root is None:
            return self._action
        return _run(self._root.level, [*args, 0, 0, 0, 0, 0, 0])

    def _chain(self, args: Sequence[Arg], action: int) -> _Node | None:
        """The comparisons of one rule, linked; None where nothing is left to compare."""
        root: _Node | None = None
        open_ends: list[tuple[_Node, bool]] = []
        for arg in sorted(args, key=lambda arg: arg.index):
            mask, datum = (arg.value, arg.value_two) if arg.op is Op.MASKED_EQ else (_FULL, arg.value)
            if not mask & (_FULL if self._wide else _WORD):
                continue
            make = _wide if self._wide else _narrow
            first, ends = make(arg, mask, datum)
            for node, yes in open_ends:
                node.outcomes[yes].node = first
            root, open_ends = root or first, ends
        for node, yes in open_ends:
            node.outcomes[yes].action = action
        return root


def _narrow(arg: Arg, mask: int, datum: int) -> tuple[_Node, list[tuple[_Node, bool]]]:
    """The comparison of a 32-bit ABI, and the outcome that means the condition holds."""
    node = _Node(2 * arg.index, _INVERTED.get(arg.op, arg.op), arg.op, mask & _WORD, datum, datum)
    return node, [(node, arg.op not in _INVERTED)]


def _wide(arg: Arg, mask: int, datum: int) -> tuple[_Node, list[tuple[_Node, bool]]]:
    """The comparisons of a 64-bit ABI, and the outcomes that mean the condition holds."""

    def node(op: Op, *, high: bool) -> _Node:
        shift = 32 if high else 0
        return _Node(2 * arg.index + high, op, arg.op, mask >> shift & _WORD, datum >> shift, datum)

    op = _INVERTED.get(arg.op, arg.op)
    yes = arg.op not in _INVERTED
    if op in (Op.EQ, Op.MASKED_EQ):
        high, low = node(op, high=True), node(op, high=False)
        high.outcomes[True].node = low
        return high, [(low, True)] if yes else [(high, False), (low, False)]
    above, equal, low = node(Op.GT, high=True), node(Op.EQ, high=True), node(op, high=False)
    above.outcomes[False].node, equal.outcomes[True].node = equal, low
    return above, [(above, True), (low, True)] if yes else [(equal, False), (low, False)]


def _merge(old: _Node, new: _Node) -> _Node:
    """Add a new rule's chain to an existing level, met at `old`; the node by which the level is met from now on."""
    level = old.level
    position = level.index(old)
    while position < len(level):
        current = level[position]
        if current.same(new):
            _unite(current, new)
            return old
        if new.before(current):
            level.insert(position, new)
            new.level = level
            return new if current is old else old
        position += 1
    level.append(new)
    new.level = level
    return old


def _unite(old: _Node, new: _Node) -> None:
    """Let one node stand for two equal ones. Raises ConflictError."""
    for yes in (True, False):
        _unite_action(old.outcomes[yes], new.outcomes[yes], old, new, yes=yes)
    for yes in (True, False):
        mine, theirs = old.outcomes[yes], new.outcomes[yes]
        if theirs.node is None:
            continue
        if mine.node is not None:
            mine.node = _merge(mine.node, theirs.node)
        elif mine.action is None:
            mine.node = theirs.node
        else:
            return  # a rule that asks for less decides already


def _unite_action(mine: _Outcome, theirs: _Outcome, old: _Node, new: _Node, *, yes: bool) -> None:
    if theirs.action is None or theirs.action == mine.action:
        return
    if mine.action is None:
        _demand(mine.node, theirs.action)
        mine.node, mine.action = None, theirs.action
        return
    # Two `>` or two `<` with the same high word: the wider or tighter full value decides for it.
    if new.word & 1 and (new.full > old.full if yes else new.full < old.full):
        old.outcomes[True].action = theirs.action
    if old.leaf or new.leaf:
        raise ConflictError


def _demand(start: _Node | None, action: int) -> None:
    """Raise ConflictError unless everything below wants this action."""
    for node in start.level if start else ():
        for outcome in node.outcomes.values():
            if outcome.action not in (None, action):
                raise ConflictError
            _demand(outcome.node, action)


def _run(level: Sequence[_Node], args: Sequence[int]) -> int | None:
    for node in level:
        word = args[node.word >> 1] >> (32 if node.word & 1 else 0) & _WORD
        outcome = node.outcomes[node.holds(word)]
        found = outcome.action if outcome.node is None else _run(outcome.node.level, args)
        if found is not None:
            return found
    return None
