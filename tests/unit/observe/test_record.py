"""Denials added up: a line for each kind, in order, and what blame needs of each name."""

from __future__ import annotations

import itertools

from profile_smoke.model import Evidence, Process
from profile_smoke.observe.record import Record
from profile_smoke.profile.model import Action, Decision
from profile_smoke.syscall import tables

ALLOW, EPERM = Decision(Action.ALLOW), Decision(Action.ERRNO, 1)
NGINX, SHELL = Process(7, "nginx", "/usr/sbin/nginx"), Process(8, "sh", "/bin/sh")


class Unreadable:
    """A process whose memory nobody may read."""

    def bytes(self, address: int, size: int) -> bytes | None:
        del address, size
        return None

    def string(self, address: int, limit: int) -> str | None:
        del address, limit
        return None


class Recorder:
    """A record whose clock counts attempts."""

    def __init__(self) -> None:
        clock = itertools.count(1)
        self.record = Record(lambda: float(next(clock)))

    def add(
        self,
        name: str,
        *,
        first: int = 0,
        process: Process = NGINX,
        phase: str = "start",
        control: Decision = ALLOW,
        says: Decision = EPERM,
        runtime: bool = False,
    ) -> None:
        number = tables.number("x86_64", name)
        assert number is not None
        self.record.add(
            arch="x86_64", number=number, args=(first, 0, 0, 0, 0, 0), says=says, control=control, phase=phase,
            process=process, runtime=runtime, memory=Unreadable(),
        )  # fmt: skip


def test_attempts_of_one_kind_are_one_line() -> None:
    """Counted, with the first one's time and arguments."""
    recorder = Recorder()
    for first in (3, 4, 5):
        recorder.add("socket", first=first)
    (line,) = recorder.record.denials()
    assert (line.syscall, line.count, line.first_ms, line.args[0]) == ("socket", 3, 1.0, 3)
    assert (line.errno, line.evidence, line.process) == ("EPERM", Evidence.NOTIFY, NGINX)


def test_another_program_or_phase_is_another_line() -> None:
    """In the order of first attempts."""
    recorder = Recorder()
    recorder.add("brk")
    recorder.add("brk", process=SHELL)
    recorder.add("brk", phase="stop")
    recorder.add("mbind")
    recorder.add("brk")
    found = [(line.syscall, line.process.comm, line.phase, line.count) for line in recorder.record.denials()]
    assert found == [
        ("brk", "nginx", "start", 2), ("brk", "sh", "start", 1), ("brk", "nginx", "stop", 1),
        ("mbind", "nginx", "start", 1),
    ]  # fmt: skip


def test_a_refusal_that_kills_is_told_by_its_signal() -> None:
    """`SIGSYS` instead of an errno."""
    recorder = Recorder()
    recorder.add("ptrace", says=Decision(Action.KILL_PROCESS))
    assert recorder.record.denials()[0].errno == "SIGSYS"


def test_samples_are_distinct_and_bounded() -> None:
    """All of them up to 64; beyond that it says that there are more."""
    recorder = Recorder()
    for first in [*range(64), *range(64)]:
        recorder.add("socket", first=first)
    (few,) = recorder.record.attempted()
    assert (len(few.samples), few.sampled_all) == (64, True)
    recorder.add("socket", first=64)
    (many,) = recorder.record.attempted()
    assert (len(many.samples), many.sampled_all) == (64, False)


def test_the_controls_most_permissive_answer_counts_with_its_own_samples() -> None:
    """`clone` with a namespace is refused by the control too, a fork is not: the fix is about forks."""
    recorder = Recorder()
    recorder.add("clone", first=0x10000000, control=EPERM)
    recorder.add("clone", first=17)
    recorder.add("clone", first=0x20000000, control=EPERM)
    (found,) = recorder.record.attempted()
    assert found.control == ALLOW
    assert [args[0] for args in found.samples] == [17]


def test_names_come_in_the_order_in_which_the_workload_met_them() -> None:
    """What the runtime's init tried before says nothing of when the workload did; what only it tried comes first."""
    recorder = Recorder()
    for name in ("mmap", "capset", "brk"):
        recorder.add(name, runtime=True)
    for name in ("openat", "brk", "mmap", "openat"):
        recorder.add(name)
    found = recorder.record.attempted()
    assert [each.name for each in found] == ["capset", "openat", "brk", "mmap"]
    assert [each.in_init for each in found] == [True, False, True, True]


def test_a_number_without_a_name_is_told_by_its_number() -> None:
    """Newer than the tables."""
    recorder = Recorder()
    recorder.record.add(
        arch="x86_64", number=9999, args=(0,) * 6, says=EPERM, control=EPERM, phase="start", process=NGINX,
        runtime=False, memory=Unreadable(),
    )  # fmt: skip
    assert recorder.record.denials()[0].syscall == "syscall_9999"
