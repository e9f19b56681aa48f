"""Stand-ins are really built: the same twice, shared, cleaned up after, and honest about what went wrong."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from profile_smoke import rundir
from profile_smoke.errors import DiskFullError, ImageError, InterruptedRunError
from profile_smoke.image.store import Store
from profile_smoke.image.user import lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

TOOLS = ("mmdebstrap", "umoci", "skopeo", "unshare", "setpriv")
pytestmark = [
    pytest.mark.oci,
    pytest.mark.skipif(os.geteuid() != 0, reason="building images needs root"),
    pytest.mark.skipif(
        any(shutil.which(tool) is None for tool in TOOLS),
        reason=f"needs {', '.join(TOOLS)}: apt-get install them",
    ),
]
RECIPE = """
schema: profile-smoke/standin-v1
name: tiny
replaces: tiny:1
packages: [{package}]
entrypoint: [/run.sh]
env: {{A: "1"}}
user: tiny
workdir: /data
volumes: [/data]
files: {{/run.sh: run.sh}}
setup: |
  useradd --system --uid 444 --user-group tiny
  install -d -o tiny -g tiny -m 2750 /data
  setfattr -n user.kept -v yes /data || test ! -x /usr/bin/setfattr
"""


def _recipe(folder: Path, package: str = "hostname") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.sh").write_text("#!/bin/sh\nexec sleep 1\n")
    path = folder / "standin.yaml"
    path.write_text(RECIPE.format(package=package))
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A store for this module; removed, since it holds a whole distribution: the machine's base, where it has one."""
    root = tmp_path_factory.mktemp("home")
    if (bases := rundir.home() / "bases").is_dir():
        subprocess.run(["cp", "-a", "--reflink=auto", str(bases), str(root)], check=True)
    yield root
    shutil.rmtree(root)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _recipe(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def based(home: Path, recipe: Path) -> Path:
    """The store's root, with a base and the tiny stand-in in it."""
    Store(home).obtain("tiny:1", recipe, policy="always")
    return home


def _empty(root: Path) -> bool:
    return not list((root / "work").iterdir())


def test_twice_the_same(based: Path, recipe: Path) -> None:
    """Built anew from the same packages, a stand-in has the same digest, and says what it is made of."""
    lines: list[str] = []
    first = Store(based, lines.append).obtain("tiny:1", recipe, policy="always")
    assert lines == [], "what is in the store is not built again"
    shutil.rmtree(first.path)
    second = Store(based, lines.append).obtain("tiny:1", recipe, policy="always")
    assert len(lines) == 1
    assert second.digest == first.digest
    assert second.info.standin is not None
    assert second.info.standin.distribution.startswith(("Debian", "Ubuntu"))
    assert list(second.info.standin.packages) == ["hostname"]
    assert _empty(based)


def test_unpacked_with_owners_and_modes(based: Path, recipe: Path) -> None:
    """The root has the files, owners and modes that the recipe asked for, and nothing that says when it was built."""
    store = Store(based)
    image = store.unpack(store.obtain("tiny:1", recipe, policy="always"))
    assert image.rootfs is not None
    data = (image.rootfs / "data").stat()
    assert (data.st_uid, data.st_gid, stat.S_IMODE(data.st_mode)) == (444, 444, 0o2750)
    assert (image.rootfs / "run.sh").stat().st_mode & 0o111 == 0o111
    assert lookup(image.rootfs, image.config.user)[:2] == (444, 444)
    assert (image.rootfs / "etc/machine-id").read_text() == ""
    for gone in ("var/log/dpkg.log", "usr/sbin/policy-rc.d", "etc/passwd-"):
        assert not (image.rootfs / gone).exists()
    assert list((image.rootfs / "var/lib/apt/lists").iterdir()) == []
    assert stat.S_IMODE(based.stat().st_mode) == 0o700


def test_docker_archive_is_labelled(based: Path, recipe: Path) -> None:
    """The archive for an engine names and labels the image as a stand-in; imported again, it still is one."""
    store = Store(based)
    image = store.obtain("tiny:1", recipe, policy="always")
    archive = store.docker_archive(image)
    back = store.obtain(f"docker-archive:{archive}", None)
    assert back.info.standin == image.info.standin
    assert back.config == image.config
    assert store.prepared(image).engine_ref == f"profile-smoke.invalid/standin/tiny:{image.digest[7:23]}"


def test_many_askers_one_build(based: Path, tmp_path: Path) -> None:
    """Threads and stores that want the same stand-in at once share one build."""
    path, lines = _recipe(tmp_path / "other", "netbase"), list[str]()
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(Store(based, lines.append).obtain, "t", path, policy="always") for _ in range(4)]
        digests = {future.result().digest for future in asked}
    assert len(digests) == 1
    assert len(lines) == 1


def test_a_package_that_does_not_exist(based: Path, tmp_path: Path) -> None:
    """apt's own word is the reason, and nothing is left."""
    with pytest.raises(ImageError, match="no-such-package"):
        Store(based).obtain("t", _recipe(tmp_path, "no-such-package"), policy="always")
    assert _empty(based)


@pytest.mark.fault
def test_no_mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mirror that cannot be reached says what to check, within seconds."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    with pytest.raises(ImageError, match="mirror cannot be reached"):
        Store(tmp_path / "home").obtain("t", _recipe(tmp_path), policy="always")
    assert _empty(tmp_path / "home")


@pytest.mark.fault
def test_not_root(based: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without root the message says so before anything is begun."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(ImageError, match="needs root"):
        Store(based).obtain("t", _recipe(tmp_path, "ucf"), policy="always")


@pytest.mark.fault
def test_disk_full(tmp_path: Path) -> None:
    """A full disk is named as such, and the half-built tree is removed."""
    root = tmp_path / "home"
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(root)], check=True)
    try:
        with pytest.raises(DiskFullError, match="no space left"):
            Store(root).obtain("t", _recipe(tmp_path), policy="always")
        assert _empty(root)
    finally:
        subprocess.run(["umount", str(root)], check=True)


def _await_build(root: Path) -> None:
    """Until packages are being installed into a tree under `root`."""
    deadline = time.monotonic() + 60
    while not list((root / "work").glob("*/root/var/lib/dpkg/info")) and not _mounted(root):
        assert time.monotonic() < deadline, "the build never began"
        time.sleep(0.02)


def _mounted(root: Path) -> bool:
    """Whether a process has something mounted under `root`."""
    for mounts in Path("/proc").glob("[0-9]*/mounts"):
        try:
            if str(root / "work") in mounts.read_text():
                return True
        except OSError:
            continue  # it ended meanwhile
    return False


@pytest.mark.fault
def test_cancelled_in_the_middle(based: Path, tmp_path: Path) -> None:
    """`cancel` from another thread ends the build; no tree, no process, no mount is left."""
    store, path = Store(based), _recipe(tmp_path, "whois")
    with ThreadPoolExecutor(1) as pool:
        building = pool.submit(store.obtain, "t", path, policy="always")
        _await_build(based)
        store.cancel()
        with pytest.raises(InterruptedRunError):
            building.result(timeout=120)
    assert _empty(based)
    assert not _mounted(based)


BUILD = """
import sys
from pathlib import Path
from profile_smoke.image.store import Store
Store(Path(sys.argv[1])).obtain("t", Path(sys.argv[2]), policy="always")
"""


@contextmanager
def _builder(based: Path, tmp_path: Path, package: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that builds the stand-in of a package that no other test builds."""
    path = _recipe(tmp_path, package)
    with subprocess.Popen(
        [sys.executable, "-c", BUILD, str(based), str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stderr=subprocess.DEVNULL,
    ) as builder:
        try:
            _await_build(based)
            yield builder
        finally:
            builder.kill()


@pytest.mark.fault
def test_interrupted_in_the_middle(based: Path, tmp_path: Path) -> None:
    """Ctrl-C in a build leaves nothing, and the process ends."""
    with _builder(based, tmp_path, "ssl-cert") as builder:
        builder.send_signal(signal.SIGINT)
        assert builder.wait(20) != 0
    assert _empty(based)
    assert not _mounted(based)


@pytest.mark.fault
def test_killed_in_the_middle(based: Path, tmp_path: Path) -> None:
    """After kill -9 no process and no mount lives on, and `sweep` removes the tree."""
    with _builder(based, tmp_path, "lsb-release") as builder:
        builder.kill()
        builder.wait(20)
    gone = threading.Event()
    deadline = time.monotonic() + 10
    while _mounted(based) and time.monotonic() < deadline:
        gone.wait(0.05)
    assert not _mounted(based)
    removed = Store(based).sweep()
    assert len(removed) == 1
    assert _empty(based)
