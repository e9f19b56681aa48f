"""What is told of a recording: what was seen and by what, what came only sometimes, what was added, proven and verified."""

from __future__ import annotations

from dataclasses import replace

from profile_smoke.model import ImageInfo, Standin, TargetInfo
from profile_smoke.recording import Call, Recorded, Recording, Verification
from profile_smoke.report import recorded
from profile_smoke.report.text import Style


def call(name: str, launches: int = 3, errno: int | None = None) -> Call:
    return Call(name, ("x86_64",), ("start",), ("/bin/x",), 7, launches, errno, None)


def recording(*calls: Call, launches: int = 3) -> Recording:
    image = ImageInfo("redis:7.0", "sha256:0", Standin("redis", "Debian 12", {"redis-server": "5:7.0.15"}))
    probes = ("write-and-read", "durable")
    return Recording(
        "redis", image, TargetInfo("oci", {}), no_new_privileges=False, probes=probes, launches=launches, calls=calls
    )  # fmt: skip


RESULT = Recorded(
    profile="redis.json",
    sha256="ab12",
    recordings=(recording(call("read"), call("clone"), call("clone3", errno=38)),),
    merged=("old.json",),
    base="minimal.json",
    observed=("clone", "read"),
    generalised={"readv": "with read: which of them is called is the C library's choice"},
    limited=("clone",),
    refused={"clone3": 38},
    required=None,
    verified=(Verification("redis", "oci", no_new_privileges=True, seconds=0.5),),
    notes=("syscall_999 has no name here, so the profile refuses it",),
    seconds=2.0,
)


def shown(result: Recorded) -> str:
    return recorded.render(result, Style())


def test_what_it_covers_and_what_became_of_it() -> None:
    """Stand-in, launches, probes; sources of the profile, what is in it and why not all is; how it was verified."""
    assert shown(RESULT) == (
        "redis@oci (redis:7.0, stand-in redis-server 5:7.0.15)\n"
        "  observed: 3 launches, 2 calls, the same each time\n"
        "  probes that ran: write-and-read, durable\n"
        "  refused by the default profile too: clone3\n"
        "\n"
        "redis.json: 3 calls, sha256 ab12\n"
        "  starts from minimal.json\n"
        "  with old.json\n"
        "  seen: clone, read\n"
        "  added, of the same families or needs: readv\n"
        "  with these arguments only: clone\n"
        "\n"
        "verified: redis@oci with no_new_privs passed, enforced, in 0.50 s\n"
        "\n"
        "Note: syscall_999 has no name here, so the profile refuses it\n"
        "\n"
        "What these probes did not make the workload do on these images was not seen, so a call that only\n"
        "other work needs is refused. The reason for each added call is in the JSON (-f json).\n"
        "\n"
        "took 2.00 s\n"
    )


def test_what_came_only_sometimes_is_named() -> None:
    """With how often; one launch alone says nothing of that."""
    text = shown(replace(RESULT, recordings=(recording(call("read"), call("mremap", 1)),)))
    assert "observed: 3 launches, 2 calls\n" in text
    assert "only sometimes: mremap (1 of 3)\n" in text
    text = shown(replace(RESULT, recordings=(recording(call("read", 1), launches=1),)))
    assert "observed: 1 launch, 1 call\n" in text
    assert "sometimes" not in text


def test_what_was_proven_to_be_required() -> None:
    """Of how many that were seen."""
    text = shown(replace(RESULT, required=("read",)))
    assert "required (1 of 2: without it an enforced launch failed): read\n" in text
