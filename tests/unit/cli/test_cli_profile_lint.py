"""`profile-smoke profile lint` on files as users have them."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profile_smoke.__main__ import main
from profile_smoke.profile.lint import run

if TYPE_CHECKING:
    import pytest

PROFILES = Path(__file__).parents[3] / "profiles"
CLEAN: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "defaultErrnoRet": 38,
    "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    "syscalls": [
        {
            "names": [
                *("capget", "capset", "chdir", "close", "execve", "exit_group", "fstat", "fstatfs", "getcwd"),
                *("getdents64", "getppid", "newfstatat", "openat", "prctl", "read", "setgid", "setgroups"),
                *("setuid", "write"),
            ],
            "action": "SCMP_ACT_ALLOW",
        }
    ],
}
SHADOWED: list[dict[str, Any]] = [
    {"names": ["personality"], "action": "SCMP_ACT_ALLOW"},
    {
        "names": ["personality"],
        "action": "SCMP_ACT_KILL",
        "args": [{"index": 0, "value": 40, "op": "SCMP_CMP_EQ"}],
    },
]


def put(path: Path, document: object) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document, indent=2) + "\n")
    return str(path)


def lint(*arguments: str) -> int:
    return main(["profile", "lint", *arguments])


def with_rules(*rules: dict[str, Any]) -> dict[str, Any]:
    return {**CLEAN, "syscalls": [*CLEAN["syscalls"], *rules]}


def test_a_clean_profile_is_code_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Not even --strict finds anything."""
    path = put(tmp_path / "a.json", CLEAN)
    assert lint(path, "--strict") == 0
    assert capsys.readouterr().out == "1 file: 0 errors, 0 warnings, 0 for information\n"


def test_an_error_is_code_1_and_a_line_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As compilers write it, so that editors find the place."""
    path = put(tmp_path / "a.json", with_rules(*SHADOWED))
    assert lint(path) == 1
    line = next(line for line in capsys.readouterr().out.splitlines() if " error " in line)
    assert line.startswith(f"{path}:")
    assert ": error shadowed-rule: no effect: " in line
    number, column = map(int, line.removeprefix(f"{path}:").split(":")[:2])
    assert Path(path).read_text().splitlines()[number - 1][column - 1 :] == '"personality"'


def test_warnings_count_when_they_are_asked_to(tmp_path: Path) -> None:
    """Without --strict they inform."""
    path = put(tmp_path / "a.json", {**CLEAN, "architectures": ["SCMP_ARCH_X86_64"]})
    assert lint(path) == 0
    assert lint(path, "--strict") == 1
    assert lint(path, "--strict", "--ignore", "missing-32-bit-abi") == 0
    assert lint(path, "--strict", "--select", "shadowed-rule") == 0
    assert lint(path, "--strict", "--select", "missing-32-bit-abi") == 1


def test_an_unknown_rule_is_told_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    """A mistyped --ignore must not silently ignore nothing."""
    assert lint("webapp", "--ignore", "shadow-rule") == 2
    assert "did you mean 'shadowed-rule'?" in capsys.readouterr().err


def test_nothing_left_to_look_for_is_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """It would pass on everything."""
    assert lint("webapp", "--select", "notify", "--ignore", "notify") == 2
    assert "no rule" in capsys.readouterr().err


def test_one_unreadable_file_hides_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Code 2 wins over 1, and both files have their line."""
    broken, bad = put(tmp_path / "a.json", "{"), put(tmp_path / "b.json", with_rules(*SHADOWED))
    assert lint(broken, bad, str(tmp_path / "absent.json")) == 2
    out = capsys.readouterr().out
    assert f"{broken}: line 1, column 2: " in out
    assert "shadowed-rule" in out
    assert "absent.json: no such file" in out
    assert "3 files: 1 error, " in out
    assert "2 could not be read" in out


def test_names_files_and_folders_may_be_given_and_each_is_looked_at_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder's files are those of any depth."""
    put(tmp_path / "deep" / "a.json", CLEAN)
    same = str(tmp_path / "deep" / ".." / "deep" / "a.json")
    assert lint(str(tmp_path), same, "webapp", "--select", "schema") == 0
    assert capsys.readouterr().out.startswith("2 files: ")


def test_what_the_project_ships_has_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    """For Docker and for Kubernetes alike."""
    for reader in ("docker", "kubernetes"):
        assert lint(str(PROFILES), "--for", reader) == 0
        assert "6 files: 0 errors, " in capsys.readouterr().out


def test_json_holds_what_the_text_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a version, and counts that are those of the findings."""
    path = put(tmp_path / "a.json", with_rules(*SHADOWED, {"name": "acct", "action": "SCMP_ACT_KILL"}))
    broken = put(tmp_path / "b.json", "{")
    assert lint(path, broken, "-f", "json", "--arch", "x86_64") == 2
    result = json.loads(capsys.readouterr().out)
    assert (result["schema"], result["for"]) == ("profile-smoke/profile-lint/v1", "docker")
    [first, second] = result["files"]
    assert (first["path"], first["unreadable"], first["fixed"]) == (path, None, False)
    assert (second["findings"], second["unreadable"][: len(broken)]) == ([], broken)
    by_rule = {finding["rule"]: finding for finding in first["findings"]}
    assert by_rule["single-name"]["fixable"] is True
    assert by_rule["shadowed-rule"]["where"] == "syscalls[2].names[0]"
    severities = [finding["severity"] for finding in first["findings"]]
    assert result["counts"] == {each: severities.count(each) for each in ("error", "warning", "info")}


def test_mending_writes_the_file_and_reports_what_is_left(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest of the file, its mode and the exit code are those of what is left."""
    twice = {"names": ["mmap", "mmap"], "action": "SCMP_ACT_ALLOW"}
    path = put(tmp_path / "a.json", with_rules(twice, *SHADOWED))
    Path(path).chmod(0o640)
    before = Path(path).read_text()
    assert lint(path) == 1
    assert "; --fix mends 1\n" in capsys.readouterr().out
    assert lint(path, "--fix") == 1
    out = capsys.readouterr().out
    assert f"{path}: mended\n" in out
    assert "duplicate-name" not in out
    assert "shadowed-rule" in out
    after = Path(path).read_text()
    assert after == before.replace('"mmap",\n        "mmap"', '"mmap"')
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [Path(path)]


def test_nothing_to_mend_writes_nothing(tmp_path: Path) -> None:
    """The file is the same one, not only equal."""
    path = put(tmp_path / "a.json", CLEAN)
    before = Path(path).stat()
    assert lint(path, "--fix") == 0
    assert (Path(path).stat().st_ino, Path(path).stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_newer_edit_is_not_written_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Someone saves the file between reading and writing: theirs stays, and we say so."""
    path = put(tmp_path / "a.json", with_rules({"names": ["mmap", "mmap"], "action": "SCMP_ACT_ALLOW"}))
    real = run.fix

    def slow(*arguments: Any) -> str:
        mended = real(*arguments)
        Path(path).write_text("edited")
        return mended

    monkeypatch.setattr(run, "fix", slow)
    assert lint(path, "--fix") == 2
    assert "changed in the meantime" in capsys.readouterr().err
    assert Path(path).read_text() == "edited"


def test_for_kubernetes_dockers_own_fields_are_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same file is fine for Docker."""
    rule = {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}
    path = put(tmp_path / "a.json", with_rules(rule))
    assert lint(path) == 0
    assert "info docker-format: " in capsys.readouterr().out
    assert lint(path, "--for", "kubernetes") == 1
    assert "error docker-only-field: " in capsys.readouterr().out


def test_capabilities_decide_what_is_open(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Docker's conditions are resolved for the container that is meant."""
    rule = {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}}
    path = put(tmp_path / "a.json", with_rules(rule))
    assert lint(path, "--select", "dangerous-call") == 0
    assert "mount" not in capsys.readouterr().out
    assert lint(path, "--select", "dangerous-call", "--caps", "sys_admin") == 0
    assert "mounts: mount" in capsys.readouterr().out


def test_the_plain_lint_tells_errors_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Under the same id; warnings are left to `profile lint`."""
    path = put(tmp_path / "a.json", {**with_rules(*SHADOWED), "architectures": ["SCMP_ARCH_X86_64"]})
    assert main(["lint", path]) == 2
    problem, summary = capsys.readouterr().out.splitlines()
    assert problem.startswith(f"{path}: line ")
    assert problem.endswith("(shadowed-rule)")
    assert summary == "1 file checked, 1 problem"
