"""How much longer `profile lint` of a profile like Docker's default takes than an empty program: medians, turn by turn.

    .venv/bin/python benchmarks/lint.py [PROFILE]

Without a file of yours, it is the default profile that comes along, which is modelled on Docker's, given Docker's
`archMap` and rules for capabilities. Exit code 1 when the difference is above the bound.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from profile_smoke.target import oci_default

BOUND = 0.3
"""Seconds that lint may take beyond the interpreter's own start."""
ROUNDS = 21
_ARCH_MAP = [
    {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86", "SCMP_ARCH_X32"]},
    {"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": ["SCMP_ARCH_ARM"]},
]
_FOR_CAPABILITIES = {
    "CAP_SYS_ADMIN": [
        "bpf",
        "clone3",
        "fanotify_init",
        "mount",
        "perf_event_open",
        "setns",
        "umount2",
        "unshare",
    ],
    "CAP_SYS_PTRACE": ["kcmp", "pidfd_getfd", "process_madvise"],
    "CAP_SYS_MODULE": ["delete_module", "finit_module", "init_module"],
    "CAP_SYS_TIME": ["clock_settime", "clock_settime64", "settimeofday", "stime"],
    "CAP_SYS_NICE": ["get_mempolicy", "mbind", "set_mempolicy"],
    "CAP_SYSLOG": ["syslog"],
}


def docker_default() -> str:
    """The default profile with what Docker's has beside."""
    document = {key: value for key, value in oci_default.document().raw.items() if key != "architectures"}
    more = [
        {"names": names, "action": "SCMP_ACT_ALLOW", "includes": {"caps": [capability]}}
        for capability, names in _FOR_CAPABILITIES.items()
    ]
    return json.dumps(
        {**document, "archMap": _ARCH_MAP, "syscalls": [*document["syscalls"], *more]}, indent=2
    )


def seconds(command: list[str], cache: str) -> float:
    """How long one run of a command takes, with compiled modules in `cache`; findings of errors are none of ours."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = cache
    began = time.perf_counter()
    done = subprocess.run(
        command, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, env=environment
    )
    taken = time.perf_counter() - began
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}")
    return taken


def main(profile: str, cache: str) -> int:
    """Measure and print; the exit code."""
    lint = [str(Path(sys.executable).with_name("profile-smoke")), "profile", "lint", profile]
    commands = {"python -c pass": [sys.executable, "-c", "pass"], "profile lint": lint}
    for command in commands.values():
        seconds(command, cache)  # compiled and cached, as an installed package is
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            taken[name].append(seconds(command, cache))
    medians = {name: statistics.median(values) for name, values in taken.items()}
    for name, median in medians.items():
        print(f"{name:16} {median * 1000:7.1f} ms")
    base, linted = medians.values()
    print(
        f"{'more':16} {(linted - base) * 1000:7.1f} ms   (at most {BOUND * 1000:.0f} ms, median of {ROUNDS})"
    )
    return int(linted - base > BOUND)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder, "docker-default.json")
        made.write_text(docker_default(), "utf-8")
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else str(made), folder))
