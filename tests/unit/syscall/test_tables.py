"""Numbers and names."""

from __future__ import annotations

import pytest

from profile_smoke.syscall import arguments, danger, decode, groups, libseccomp, multiplexed, tables


@pytest.mark.parametrize(
    ("arch", "name", "number"),
    [
        ("x86_64", "read", 0),
        ("x86_64", "uretprobe", 335),
        ("x86_64", "mseal", 462),
        ("x86", "read", 3),
        ("x86", "socketcall", 102),
        ("x32", "read", 0x40000000),
        ("x32", "execve", 0x40000000 + 520),
        ("aarch64", "openat", 56),
        ("aarch64", "file_getattr", 468),
        ("arm", "cacheflush", 0xF0002),
        ("arm", "sync_file_range2", 341),
    ],
)
def test_numbers_both_ways(arch: str, name: str, number: int) -> None:
    """A name leads to the kernel's number, and that number back to the name (or to its other spelling)."""
    assert tables.number(arch, name) == number
    assert tables.name(arch, number) in (name, "arm_sync_file_range")


def test_what_is_not_there() -> None:
    """A call that an ABI lacks has no number, a number without a call has no name."""
    assert tables.number("aarch64", "open") is None
    assert tables.name("x86_64", 4000) is None


@pytest.mark.parametrize(
    "name",
    [
        "statmount",
        "listmount",
        "lsm_get_self_attr",
        "lsm_set_self_attr",
        "lsm_list_modules",
        "mseal",
        "open_tree_attr",
        "file_setattr",
    ],
)
def test_new_calls_are_known_everywhere(name: str) -> None:
    """The newest calls have one number on all ABIs, bit 30 aside."""
    found = {tables.number(arch, name) for arch in tables.ARCHES if arch != "x32"}
    assert len(found) == 1
    assert tables.number("x32", name) == tables.X32_BIT | found.pop()  # type: ignore[operator]


def test_every_number_has_a_name_of_its_abi() -> None:
    """Both directions of the table agree for every entry."""
    for arch in tables.ARCHES:
        for name, number in tables.numbers(arch).items():
            other = tables.name(arch, number)
            assert other is not None
            assert tables.number(arch, other) == number, (arch, name)


@pytest.mark.parametrize(
    ("audit", "number", "expected"),
    [
        (0xC000003E, 0, "x86_64"),
        (0xC000003E, 0x40000000, "x32"),
        (0xC000003E, 0xFFFFFFFF, "x86_64"),
        (0x40000003, 0x40000000, "x86"),
        (0xC00000B7, 1, "aarch64"),
        (0x40000028, 1, "arm"),
        (0xC00000F3, 1, "0xc00000f3"),
    ],
)
def test_the_abi_of_a_call(audit: int, number: int, expected: str) -> None:
    """x32 is told by its bit, a skipped call is not x32, and an unknown architecture is named by its number."""
    assert tables.abi(audit, number) == expected


def test_names_of_architectures() -> None:
    """A profile's names and ours translate both ways; what has no table is None."""
    for arch in tables.ARCHES:
        assert tables.arch_of_scmp(tables.scmp_arch(arch)) == arch
        assert tables.abi(tables.audit_arch(arch), tables.X32_BIT if arch == "x32" else 1) == arch
    assert tables.arch_of_scmp("SCMP_ARCH_RISCV64") is None


def test_the_source_is_named() -> None:
    """The data file says which kernel headers it comes from."""
    assert tables.source().startswith("Linux UAPI headers, Debian linux-libc-dev ")


def test_every_call_is_in_exactly_one_group() -> None:
    """Groups cover all names, none twice, and hold no name that does not exist."""
    listed = [name for group in groups.GROUPS for name in groups.members(group)]
    assert len(listed) == len(set(listed))
    assert set(listed) == tables.all_names()
    assert all(groups.group(name) is not None for name in tables.all_names())
    assert groups.group("no_such_call") is None


def test_groups_are_not_split_within_their_text() -> None:
    """No group's text names a call twice."""
    for text in groups._GROUPS.values():
        assert len(text.split()) == len(set(text.split()))


def test_every_danger_is_a_call_of_one_class() -> None:
    """Dangerous names exist, each in one class with a reason and a source."""
    listed = [name for cls in danger.CLASSES for name in cls.calls]
    assert len(listed) == len(set(listed))
    assert set(listed) <= tables.all_names()
    assert all(cls.reason and cls.source for cls in danger.CLASSES)
    module = danger.danger("finit_module")
    assert module is not None
    assert module.name == "modules"
    assert danger.danger("read") is None


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("bpf", (0,), True),
        ("clone3", (0, 0), True),
        ("read", (0,), False),
        ("clone", (0x1200011,), False),
        ("clone", (0x10000011,), True),
        ("clone", (1 << 40,), False),
        ("unshare", (0,), True),
        ("socket", (2, 1, 0), False),
        ("socket", (40, 1, 0), True),
        ("socket", (38, 5, 0), True),
        ("socket", ((1 << 32) | 40, 1, 0), True),
        ("personality", (0xFFFFFFFF,), False),
        ("personality", (0x40000,), True),
    ],
)
def test_what_is_never_continued(name: str, args: tuple[int, ...], expected: bool) -> None:  # noqa: FBT001
    """Dangerous names always; clone, socket and personality by the registers that the kernel looks at."""
    assert danger.never_continue("x86_64", name, args) is expected


def test_sockets_through_the_multiplexer() -> None:
    """The family of a 32-bit socketcall lies in memory, where it could change: never continued."""
    assert danger.never_continue("x86", "socketcall", (1, 0xBEEF))
    assert not danger.never_continue("x86", "socketcall", (2, 0xBEEF))


def test_decoding_knows_only_real_calls_and_kinds() -> None:
    """The data file of arguments names calls that exist and kinds that can be written."""
    for name, kinds in decode._signatures().items():
        assert name in tables.all_names()
        assert len(kinds) <= 6
        assert set(kinds) <= {*arguments.KINDS, "rest", "openmode"}


def test_the_multiplexed_calls_exist() -> None:
    """What x86 multiplexes has a name of its own on some ABI, and the multiplexers have numbers."""
    assert set(multiplexed.THROUGH) - {"send", "recv"} <= tables.all_names()
    assert tables.number("x86", "socketcall") == 102
    assert tables.number("x86", "ipc") == 117


@pytest.mark.skipif(libseccomp.library() is None, reason="no libseccomp here")
def test_asks_the_machines_libseccomp() -> None:
    """It has a version, knows old names of any architecture, and not made-up ones."""
    version = libseccomp.version()
    assert version is not None
    assert version.count(".") == 2
    assert libseccomp.resolves("read")
    assert libseccomp.resolves("waitpid")
    assert not libseccomp.resolves("no_such_call")
