"""Reading profile files: what is taken, what is refused, and the words in which it is refused."""

from __future__ import annotations

import errno
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.made_profiles import docker_json, profiles, written

from profile_smoke.errors import BadFileError
from profile_smoke.profile.document import load, parse
from profile_smoke.profile.model import Action, ArchMapEntry, Arg, Conditions, Op, Profile, Rule
from profile_smoke.profile.source import MAX_BYTES

DATA = Path(__file__).parents[2] / "data" / "profiles"
BAD = DATA / "bad"
PROBLEMS: dict[str, str] = json.loads((DATA / "bad.expected.json").read_text())


@pytest.mark.parametrize("name", PROBLEMS)
def test_each_broken_file_is_refused_with_its_own_line(name: str) -> None:
    """File, place and problem, in exactly these words, on one line."""
    with pytest.raises(BadFileError) as caught:
        load(BAD / name)
    assert str(caught.value) == f"{BAD / name}: {PROBLEMS[name]}"
    assert caught.value.exit_code == 2


def test_every_broken_file_has_its_expected_line() -> None:
    """No broken input lies there untested."""
    assert {path.name for path in BAD.iterdir()} == set(PROBLEMS)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    """A folder, a missing file, a file in place of a folder."""
    (tmp_path / "file").write_text("{}")
    for path, problem in {
        tmp_path: "a folder; expected a profile file",
        tmp_path / "none.json": "no such file",
        tmp_path / "file" / "x.json": "cannot be read: Not a directory",
    }.items():
        with pytest.raises(BadFileError) as caught:
            load(path)
        assert str(caught.value) == f"{path}: {problem}"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_file_without_permission_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """The tests may run as root, whom no mode stops, so the refusal is the fake's."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(number, "refused")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(BadFileError, match=r"p\.json: no permission to read it"):
        load(tmp_path / "p.json")


def test_a_file_that_is_too_large_is_refused_unparsed(tmp_path: Path) -> None:
    """Ten megabytes of what is no JSON: the complaint is about the size."""
    path = tmp_path / "large.json"
    path.write_bytes(b"x" * 10 * 2**20)
    with pytest.raises(BadFileError, match=r"large\.json: larger than 1 MiB, as no seccomp profile is"):
        load(path)


def test_a_file_of_exactly_the_limit_is_read(tmp_path: Path) -> None:
    """The limit itself is allowed."""
    path = tmp_path / "p.json"
    path.write_text('{"defaultAction": "SCMP_ACT_ALLOW"}'.ljust(MAX_BYTES))
    assert load(path).profile == Profile(Action.ALLOW)


def test_a_document_keeps_the_bytes_of_its_file(tmp_path: Path) -> None:
    """Byte order mark and CRLF stay in the text, and the digest is that of the file."""
    path = tmp_path / "p.json"
    content = b'\xef\xbb\xbf{\r\n  "defaultAction": "SCMP_ACT_LOG"\r\n}\r\n'
    path.write_bytes(content)
    document = load(path)
    assert document.text.encode() == content
    assert document.sha256 == hashlib.sha256(content).hexdigest()
    assert document.source == str(path)
    assert document.raw == {"defaultAction": "SCMP_ACT_LOG"}


def test_every_field_of_both_formats_is_understood() -> None:
    """All that Docker and OCI define, with the empty and null spellings that Go writes."""
    text = json.dumps(
        {
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": 38,
            "defaultErrno": "ENOSYS",
            "architectures": None,
            "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                {"architecture": "SCMP_ARCH_RISCV64", "subArchitectures": None},
            ],
            "flags": ["SECCOMP_FILTER_FLAG_LOG"],
            "listenerPath": "/run/agent.sock",
            "listenerMetadata": "m",
            "syscalls": [
                {"name": "read", "names": None, "action": "SCMP_ACT_ALLOW", "args": None},
                {
                    "names": ["clone"],
                    "action": "SCMP_ACT_TRACE",
                    "errnoRet": 1,
                    "errno": "EPERM",
                    "args": [
                        {"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"},
                        {"index": 5, "value": 18446744073709551615, "op": "SCMP_CMP_NE"},
                    ],
                    "comment": "why",
                    "includes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["amd64", "x32"], "minKernel": "4.8"},
                    "excludes": {"caps": None, "minKernel": ""},
                },
            ],
        }
    )
    assert parse(text, "x").profile == Profile(
        Action.ERRNO,
        38,
        arch_map=(
            ArchMapEntry("SCMP_ARCH_X86_64", ("SCMP_ARCH_X86",)),
            ArchMapEntry("SCMP_ARCH_RISCV64", ()),
        ),
        flags=("SECCOMP_FILTER_FLAG_LOG",),
        rules=(
            Rule(("read",), Action.ALLOW),
            Rule(
                ("clone",),
                Action.TRACE,
                1,
                (Arg(0, 2114060288, Op.MASKED_EQ, 0), Arg(5, 2**64 - 1, Op.NE)),
                Conditions(("CAP_SYS_ADMIN",), ("amd64", "x32"), (4, 8)),
                comment="why",
            ),
        ),
        listener_path="/run/agent.sock",
        listener_metadata="m",
    )


@given(st.data())
def test_any_profile_in_any_formatting_reads_back(data: st.DataObject) -> None:
    """Key order, white space, absent and empty fields, and single names change nothing of the meaning."""
    profile = data.draw(profiles(plain=False))
    assert parse(data.draw(written(docker_json(profile))), "x").profile == profile


def with_rules(*rules: dict[str, object]) -> str:
    """The text of a profile with these rules."""
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rules})


def test_an_unknown_syscall_is_a_warning_with_the_nearest_name() -> None:
    """It is no error, since a newer library may know it, but nobody else would tell."""
    text = with_rules(
        {"names": ["read", "opnat"], "action": "SCMP_ACT_ALLOW"},
        {"name": "zzzzzz", "action": "SCMP_ACT_ALLOW"},
    )
    silently = "libseccomp ignores it without a word"
    assert parse(text, "x").warnings == (
        f'syscalls[0].names[1] "opnat": no known syscall (nearest "openat"); {silently}',
        f'syscalls[1].name "zzzzzz": no known syscall; {silently}',
    )


def test_calls_of_other_architectures_are_known() -> None:
    """Docker's default profile names them; they are no mistakes."""
    names = ["s390_runtime_instr", "arm_fadvise64_64", "riscv_hwprobe"]
    assert parse(with_rules({"names": names, "action": "SCMP_ACT_ALLOW"}), "x").warnings == ()


def test_the_number_of_warnings_is_bounded() -> None:
    """A file of nonsense gives twenty lines and a count."""
    names = [f"nonsense_{i}" for i in range(500)]
    document = parse(with_rules({"names": names, "action": "SCMP_ACT_LOG"}), "x")
    assert len(document.warnings) == 21
    assert document.warnings[-1] == "480 more names are no known syscalls"
