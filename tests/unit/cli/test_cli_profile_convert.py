"""`profile-smoke profile convert`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from tests.support.made_profiles import profiles

from profile_smoke.__main__ import main
from profile_smoke.cli.profile_options import Host
from profile_smoke.errors import RuntimeRefusedError
from profile_smoke.profile import raw_oci
from profile_smoke.profile.difference import differences
from profile_smoke.profile.document import parse
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.render import to_docker
from profile_smoke.profile.resolve import resolve

if TYPE_CHECKING:
    from pathlib import Path

    from profile_smoke.profile.model import Profile

X86 = ("--arch", "x86_64", "--kernel", "6.1", "--caps", "")
DOCKERS: dict[str, Any] = {
    "defaultAction": "SCMP_ACT_ERRNO",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
    "syscalls": [
        {"names": ["read", "cachestat"], "action": "SCMP_ACT_ALLOW", "comment": "always"},
        {"names": ["setns"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
        {"names": ["bpf"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "5.10"}},
    ],
}


def put(path: Path, document: object) -> str:
    path.write_text(json.dumps(document))
    return str(path)


def test_docker_to_oci_is_resolved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For the machine and container that were named; what is gone is told on stderr."""
    assert main(["profile", "convert", put(tmp_path / "d.json", DOCKERS), "--to", "oci", *X86]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "defaultAction": "SCMP_ACT_ERRNO",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
        "syscalls": [
            {"names": ["read", "cachestat"], "action": "SCMP_ACT_ALLOW"},
            {"names": ["bpf"], "action": "SCMP_ACT_ALLOW"},
        ],
    }
    assert err.splitlines() == [
        "profile-smoke: resolved for one machine (x86_64) and container: archMap (1), includes (2)",
        "profile-smoke: left out: 1 comment, which the format does not have",
    ]


def test_docker_to_docker_keeps_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Conditions and comments too."""
    assert main(["profile", "convert", put(tmp_path / "d.json", DOCKERS), "--to", "docker", *X86]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == DOCKERS
    assert err == ""


def test_to_the_operator_and_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The manifest is YAML with the profile's name; reading it back is the resolved profile."""
    path = put(tmp_path / "My_Profile.json", DOCKERS)
    output = tmp_path / "mine.yaml"
    assert main(["profile", "convert", path, "--to", "spo", "-o", str(output), *X86]) == 0
    manifest = yaml.safe_load(output.read_text())
    assert manifest["metadata"] == {"name": "my-profile"}
    capsys.readouterr()
    assert main(["profile", "convert", str(output), "--to", "oci", *X86]) == 0
    back = json.loads(capsys.readouterr().out)
    assert back == manifest["spec"]


def test_a_file_that_is_replaced_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It may have been edited; even the profile itself may be the file."""
    path = put(tmp_path / "d.json", DOCKERS)
    assert main(["profile", "convert", path, "--to", "docker", "-o", path, *X86]) == 0
    assert capsys.readouterr().err == f"profile-smoke: {path}: replaced the file that was there\n"
    assert json.loads((tmp_path / "d.json").read_text()) == DOCKERS


def test_a_conversion_that_would_open_calls_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check reads what would be written, so a mistake in writing it is caught as well."""
    monkeypatch.setattr(
        "profile_smoke.cli.commands.profile_convert.to_oci",
        lambda _profile: {"defaultAction": "SCMP_ACT_ALLOW"},
    )
    path = put(tmp_path / "d.json", DOCKERS)
    output = tmp_path / "out.json"
    assert main(["profile", "convert", path, "--to", "oci", "-o", str(output), *X86]) == 2
    assert f"{path}: oci cannot say it without opening " in capsys.readouterr().err
    assert not output.exists()


def test_what_cannot_be_kept_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By what calls will do."""
    document = {
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 38,
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [
            {"names": ["read", "cachestat"], "action": "SCMP_ACT_ALLOW"},
            {
                "names": ["clone"],
                "action": "SCMP_ACT_ALLOW",
                "args": [{"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}],
            },
        ],
    }
    assert main(["profile", "convert", put(tmp_path / "d.json", document), "--to", "spo", *X86]) == 0
    err = capsys.readouterr().err.splitlines()
    assert err[0].startswith("profile-smoke: defaultErrnoRet 38 cannot be said; ")
    assert (
        "profile-smoke: not kept, refused otherwise: "
        "clone on x86_64 with arguments 0: ERRNO(ENOSYS) -> ERRNO(EPERM)"
    ) in err
    assert not any("let through" in line or "now refused" in line for line in err)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(profile=profiles(plain=False))
def test_the_meaning_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str], profile: Profile) -> None:
    """From Docker's format to plain OCI and to itself: every call of every ABI fares alike."""
    host = Host((), "x86_64", (6, 1))
    resolved = resolve(profile, caps=(), arch="x86_64", kernel=(6, 1))
    try:
        before = Evaluator(resolved, "x86_64")
    except RuntimeRefusedError:
        assume(False)  # noqa: FBT003  hypothesis' own signature
    path = put(tmp_path / "p.json", to_docker(profile))
    for kind in ("oci", "docker"):
        assert main(["profile", "convert", path, "--to", kind, *X86]) == 0
        out, err = capsys.readouterr()
        found = parse(out, "x")
        assert "not kept" not in err
        after = raw_oci.plain_reading(found)
        if kind == "docker":
            assert found.profile == profile
            after = resolve(found.profile, caps=host.caps or (), arch="x86_64", kernel=(6, 1))
        assert differences(before, Evaluator(after, "x86_64"), ("x86_64", "x86", "x32")) == ()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("d.json", "the following arguments are required: --to"),
        ("d.json --to podman", "--to: there is no 'podman'"),
        ("d.json --to oci --name x", "--name and --namespace are for --to spo only"),
        ("d.json --to spo --name X_Y", "'X_Y' is no name in Kubernetes"),
        ("nope.yaml --to oci", "nope.yaml: no such file"),
        ("d.json --to oci -o nope/x", "there is no folder"),
    ],
)
def test_a_mistake_is_one_line(
    words: str,
    message: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Code 2, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "d.json", DOCKERS)
    assert main(["profile", "convert", *words.replace("d.json", "./d.json").split()]) == 2
    out, err = capsys.readouterr()
    assert message in err
    assert err.count("\n") == 1
    assert out == ""
