"""The options of `record`, and what becomes of the file that it writes."""

from __future__ import annotations

from dataclasses import replace
from importlib import resources
from json import dumps as write_json
from json import loads as parse_json
from typing import TYPE_CHECKING

import jsonschema
import pytest

from profile_smoke.cli.arguments import parse
from profile_smoke.cli.commands import record as command
from profile_smoke.cli.options import Command
from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.model import ImageInfo, Standin, TargetInfo
from profile_smoke.recording import Call, Recorded, Recording, Verification
from profile_smoke.report import json
from profile_smoke.scenario.model import HttpCheck

if TYPE_CHECKING:
    from pathlib import Path

OWN = ("--image", "me/app:1", "--ready", "http:80/health", "--probe", "http:80")


def recorded() -> Recorded:
    """A recording of nothing."""
    return Recorded("p", "0" * 64, (), (), None, ("read",), {"readv": "why"}, (), {}, None, (), (), 1.5)


def test_an_image_is_described_on_the_command_line() -> None:
    """Everything that a scenario's file would say."""
    options = parse(
        [
            "record",
            *OWN,
            "--env",
            "A=b=c",
            "--arg=--x",
            "--port",
            "81",
            "--volume",
            "/d",
            "--limit",
            "prctl,ioctl",
        ]
    )
    assert options.command is Command.RECORD
    found = options.record
    assert found is not None
    assert (found.image, found.ready, found.probes) == (
        "me/app:1",
        HttpCheck(80, "/health"),
        (HttpCheck(80),),
    )
    assert (found.env, found.args, found.ports, found.volumes) == ((("A", "b=c"),), ("--x",), (81,), ("/d",))
    assert found.limits == ("prctl", "ioctl")


def test_another_image_for_a_scenario_is_no_image_of_its_own() -> None:
    """As `run` takes it."""
    options = parse(["record", "--scenario", "nginx", "--image", "nginx=nginx:1.27"])
    assert options.images == {"nginx": "nginx:1.27"}
    assert options.record is not None
    assert options.record.image is None


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "record needs something to launch"),
        (["--image", "x"], "--image needs --ready and at least one --probe"),
        ([*OWN, "--image", "y"], "two images are given"),
        ([*OWN[:2], "--ready", "x:1"], '--ready: "x" is no kind of check'),
        ([*OWN, "--env", "x"], "is not like NAME=VALUE"),
        ([*OWN, "--port", "70000"], "is not a port"),
        ([*OWN, "--limit", "prtcl"], "did you mean 'prctl'?"),
        (["--scenario", "nginx", "--env", "A=b"], "--env describes an --image, and none is given"),
        (["--scenario", "nginx", "-f", "json"], "name a file for it with -o"),
        (["--image", "=x"], "is neither an image nor like"),
    ],
)
def test_what_cannot_be_meant_is_one_line(arguments: list[str], problem: str) -> None:
    """The option, what is wrong, and where to read on."""
    with pytest.raises(UsageError) as caught:
        parse(["record", *arguments])
    assert problem in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_holds_something_else_is_not_replaced(tmp_path: Path) -> None:
    """Unless the user says so; what is the same already is fine."""
    path = tmp_path / "p.json"
    assert command._Destination(str(path), force=False).write("one")
    assert not command._Destination(str(path), force=False).write("one")
    with pytest.raises(UsageError, match="--force replaces it"):
        command._Destination(str(path), force=False).write("two")
    assert path.read_text() == "one"
    assert command._Destination(str(path), force=True).write("two")
    assert path.read_text() == "two"


@pytest.mark.parametrize("before", [None, "old"])
def test_an_edit_made_meanwhile_is_not_lost(tmp_path: Path, before: str | None) -> None:
    """Not even with --force: nobody has seen it when they said so."""
    path = tmp_path / "p.json"
    if before is not None:
        path.write_text(before)
    destination = command._Destination(str(path), force=True)
    path.write_text("edited")
    with pytest.raises(UsageError, match="was changed by someone else meanwhile"):
        destination.write("new")
    assert path.read_text() == "edited"


def test_a_recording_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """`--merge` takes what `-f json` tells, and a profile, and tells them apart."""
    path = tmp_path / "r.json"
    path.write_text(json.dump(recorded()))
    assert command._merged(str(path)) == recorded()
    # As `jq -cS .` writes it.
    path.write_text(write_json(parse_json(path.read_text()), sort_keys=True, separators=(",", ":")))
    assert command._merged(str(path)) == recorded()
    profile = tmp_path / "p.json"
    profile.write_text('{"defaultAction": "SCMP_ACT_ERRNO"}')
    assert command._merged(str(profile)).text == profile.read_text()  # type: ignore[union-attr]


def test_a_recording_is_as_its_schema_says() -> None:
    """Every key of every part is in the schema, and none is missing."""
    text = resources.files("profile_smoke.report").joinpath("schema/recording.schema.json").read_text("utf-8")
    schema = parse_json(text)
    call = Call("read", ("x86_64",), ("start",), ("/x",), 3, 1, None, ((1, 0, 0, 0, 0, 0),))
    image = ImageInfo("x", "sha256:0", Standin("x", "debian", {"x": "1"}))
    recording = Recording("x", image, TargetInfo("oci", {"runc": "1"}), True, ("page",), 1, (call,))  # noqa: FBT003
    verified = (Verification("x", "oci", no_new_privileges=True, seconds=1.0),)
    whole = replace(
        recorded(), recordings=(recording,), verified=verified, required=("read",), refused={"a": 1}
    )
    for each in (recorded(), whole):
        jsonschema.validate(parse_json(json.dump(each)), schema)
        assert json.load_recorded(json.dump(each), "r") == each
    document = parse_json(json.dump(whole))
    for key in document:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in document.items() if name != key}, schema)


def test_another_document_of_ours_is_no_profile_with_mistakes(tmp_path: Path) -> None:
    """What it is and what is wanted is said, not that a profile has no such key."""
    path = tmp_path / "result.json"
    path.write_text('{"schema": "profile-smoke/v1", "cells": []}')
    with pytest.raises(
        BadFileError, match='"profile-smoke/v1" cannot be read here, only "profile-smoke/recording-v1"'
    ):
        command._merged(str(path))


def test_a_recording_that_was_cut_off_is_a_bad_file(tmp_path: Path) -> None:
    """With its place."""
    path = tmp_path / "r.json"
    path.write_text(json.dump(recorded())[:-20])
    with pytest.raises(BadFileError, match=r"r\.json: line \d+, column \d+"):
        command._merged(str(path))
