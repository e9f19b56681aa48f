"""Write the package's syscall table from the kernel headers of Debian's newest linux-libc-dev.

The package is fetched with apt into a temporary folder, from the mirror that this machine already uses; nothing is
installed. Run it from the repository's root: `python tools/gen_syscalls.py`.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

TABLE = Path("runner/profile_smoke/syscall/data/numbers.tsv")
SUITE = "sid"
HEADERS = {
    "x86_64": "x86/asm/unistd_64.h",
    "x86": "x86/asm/unistd_32.h",
    "x32": "x86/asm/unistd_x32.h",
    "aarch64": "arm64/asm/unistd_64.h",
    "arm": "arm/asm/unistd-eabi.h",
}
BASES = {"": 0, "__NR_SYSCALL_BASE": 0, "__X32_SYSCALL_BIT": 0x40000000}
DEFINE = re.compile(r"#define\s+__NR_(\w+)\s+\(?(?:(\w+)\s*\+\s*)?(\d+)\)?\s*$", re.MULTILINE)
ARM_PRIVATE = re.compile(r"#define\s+__ARM_NR_(\w+)\s+\(__ARM_NR_BASE\s*\+\s*(\d+)\)")
ARM_PRIVATE_BASE = 0x0F0000
# Names that headers and libseccomp spell differently: profiles use libseccomp's, so both lead to the number.
ALIASES = {("arm", "arm_sync_file_range"): "sync_file_range2"}


def fetch(folder: Path) -> str:
    """Unpack the headers below `folder`; the package's version."""
    mirror = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    base = next(uri for uri in mirror if "security" not in uri)
    (folder / "lists/partial").mkdir(parents=True)
    (folder / "cache").mkdir()
    keyring = "[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
    (folder / "sources").write_text(f"deb {keyring} {base} {SUITE} main\n")
    apt = ["apt-get", "-qq"]
    for option in (
        f"Dir::State::Lists={folder}/lists",
        f"Dir::Etc::sourcelist={folder}/sources",
        "Dir::Etc::sourceparts=/dev/null",
        f"Dir::Cache={folder}/cache",
        "Dir::Etc::preferencesparts=/dev/null",
        "Acquire::Check-Valid-Until=false",
        "APT::Sandbox::User=root",
    ):
        apt += ["-o", option]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "download", "linux-libc-dev"], check=True, cwd=folder)
    package = next(folder.glob("linux-libc-dev_*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(package), str(folder / "x")], check=True)
    return package.name.split("_")[1].replace("%3a", ":")


def numbers(arch: str, uapi: Path) -> dict[str, int]:
    """Name to number, from one ABI's header."""
    found = {
        name: BASES[base] + int(number)
        for name, base, number in DEFINE.findall((uapi / HEADERS[arch]).read_text())
    }
    if arch == "arm":
        private = (uapi / "arm/asm/unistd.h").read_text()
        found |= {name: ARM_PRIVATE_BASE + int(number) for name, number in ARM_PRIVATE.findall(private)}
    for (where, name), alias in ALIASES.items():
        if where == arch:
            found[alias] = found[name]
    return found


def main() -> None:
    """Fetch, extract, write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        version = fetch(folder)
        tables = {arch: numbers(arch, folder / "x/usr/lib/linux/uapi") for arch in HEADERS}
    names = sorted(set().union(*tables.values()))
    rows = ["\t".join([name, *(str(table.get(name, "-")) for table in tables.values())]) for name in names]
    head = [f"# Linux UAPI headers, Debian linux-libc-dev {version}", "\t".join(["name", *tables])]
    TABLE.parent.mkdir(parents=True, exist_ok=True)
    TABLE.write_text("\n".join([*head, *rows]) + "\n")
    print(f"{TABLE}: {len(names)} names from linux-libc-dev {version}")


if __name__ == "__main__":
    main()
