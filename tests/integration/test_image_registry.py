"""Images are pulled from a real registry on loopback, and its failures are told apart."""

from __future__ import annotations

import http.server
import io
import shutil
import socket
import subprocess
import tarfile
import threading
import time
from typing import TYPE_CHECKING

import pytest

from profile_smoke.errors import ImageError
from profile_smoke.image import layout
from profile_smoke.image.interface import ImageConfig
from profile_smoke.image.registry import RegistryBusy, RegistryUnreachable
from profile_smoke.image.store import Store
from profile_smoke.model import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    pytest.mark.oci,
    pytest.mark.skipif(shutil.which("skopeo") is None, reason="needs skopeo: apt-get install skopeo"),
]
CONFIG = ImageConfig(entrypoint=("/run",), env=("A=1",), user="7:8", workdir="/w", labels={})


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layout with one small image."""
    folder = tmp_path_factory.mktemp("image")
    with tarfile.open(folder / "layer.tar", "w") as tar:
        entry = tarfile.TarInfo("run")
        entry.size, entry.mode, entry.uid = 3, 0o4755, 7
        tar.addfile(entry, io.BytesIO(b"hi\n"))
    layout.write(
        folder, folder / "layer.tar", CONFIG, architecture=_architecture(), created="2024-01-01T00:00:00Z"
    )
    return folder


def _architecture() -> str:
    return subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory, image: Path) -> Iterator[str]:
    """`host:port` of a registry that serves `image` as `small:1`."""
    if shutil.which("docker-registry") is None:
        pytest.skip("needs docker-registry: apt-get install docker-registry")
    root, host = tmp_path_factory.mktemp("registry"), f"127.0.0.1:{_free_port()}"
    config = root / "config.yml"
    config.write_text(
        f"version: 0.1\nstorage: {{filesystem: {{rootdirectory: {root}}}}}\nhttp: {{addr: '{host}'}}\n"
    )
    server = subprocess.Popen(["docker-registry", "serve", str(config)], stderr=subprocess.DEVNULL)
    try:
        _await_port(server, int(host.rpartition(":")[2]))
        source, target = f"oci:{image}:{layout.TAG}", f"docker://{host}/small:1"
        subprocess.run(
            ["skopeo", "copy", "-q", "--preserve-digests", "--dest-tls-verify=false", source, target],
            check=True,
        )
        yield host
    finally:
        server.kill()
        server.wait()


def _await_port(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert server.poll() is None, "the registry ended"
            assert time.monotonic() < deadline, "the registry never listened"
            time.sleep(0.02)
        else:
            return


def test_pulls_and_remembers(registry: str, image: Path, tmp_path: Path) -> None:
    """A pulled image has the registry's digest, is unpacked with owners and modes, and is not asked for again."""
    lines: list[str] = []
    store = Store(tmp_path / "home", lines.append)
    found = store.obtain(f"{registry}/small:1", None)
    assert found.info.digest == layout.read(image, "x").digest
    assert found.info.standin is None
    assert found.config == CONFIG
    assert store.obtain(f"{registry}/small:1", None) == found
    assert lines == [f"pulling {registry}/small:1"]
    by_digest = store.obtain(f"{registry}/small@{found.info.digest}", None)
    assert by_digest.info.digest == found.info.digest


@pytest.mark.skipif(shutil.which("umoci") is None, reason="needs umoci: apt-get install umoci")
def test_unpacks_what_it_pulled(registry: str, tmp_path: Path) -> None:
    """Set-uid bits and owners survive; the second unpacking is the first."""
    store = Store(tmp_path / "home")
    prepared = store.unpack(store.obtain(f"{registry}/small:1", None))
    assert prepared.rootfs is not None
    run = (prepared.rootfs / "run").stat()
    assert (run.st_uid, run.st_mode & 0o7777) == (7, 0o4755)
    assert store.unpack(store.obtain(f"{registry}/small:1", None)) == prepared


def test_a_missing_image_is_no_reason_for_a_stand_in(registry: str, tmp_path: Path) -> None:
    """The registry answered: the user asked for something that is not there, recipe or not."""
    recipe = tmp_path / "never-read.yaml"
    with pytest.raises(ImageError, match="has no such image") as caught:
        Store(tmp_path / "home").obtain(f"{registry}/small:2", recipe)
    assert not isinstance(caught.value, RegistryUnreachable)


def test_a_closed_port_is_unreachable(tmp_path: Path) -> None:
    """Nobody listens: unreachable, with the way out; the second image of that registry does not wait again."""
    store, host = Store(tmp_path / "home"), f"127.0.0.1:{_free_port()}"
    with pytest.raises(RegistryUnreachable, match="docker-archive:PATH"):
        store.obtain(f"{host}/a:1", None)
    assert store._unreachable.keys() == {host}


@pytest.mark.fault
def test_a_silent_registry_is_given_up_soon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry that accepts and says nothing counts as unreachable after a bounded time, once for all images."""
    monkeypatch.setattr("profile_smoke.image.registry.ANSWER_SECONDS", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host, store = f"127.0.0.1:{silent.getsockname()[1]}", Store(tmp_path / "home")
        with pytest.raises(RegistryUnreachable) as first:
            store.obtain(f"{host}/a:1", None, policy="never")
    # Nobody listens any more: who asked again would be told another reason.
    with pytest.raises(RegistryUnreachable) as second:
        store.obtain(f"{host}/b:1", None, policy="never")
    assert str(second.value) == str(first.value).replace("/a:1", "/b:1")
    assert "no answer in 1 s" in str(first.value)


@pytest.fixture
def answering() -> Iterator[tuple[str, list[str]]]:
    """A server on loopback that answers `/v2/STATUS/...` with that status, and the paths it was asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            words = self.path.split("/")
            if words[2]:
                asked.append(self.path)
            self.send_response(int(words[2] or 200))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}", asked
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.fault
@pytest.mark.parametrize(
    ("status", "kind", "meaning", "tries"),
    [
        (403, ImageError, "credentials", {1}),
        (503, RegistryBusy, "in trouble", {3}),
        # skopeo itself tries these again, with growing pauses, until we stop it.
        (429, ImageError, "limits", {2, 3}),
    ],
)
def test_answers_that_are_no_image(
    answering: tuple[str, list[str]],
    tmp_path: Path,
    *,
    status: int,
    kind: type[ImageError],
    meaning: str,
    tries: set[int],
) -> None:
    """Trouble is tried again, a refusal is not, a limit is called a limit; none makes way for a stand-in."""
    host, asked = answering
    with pytest.raises(kind, match=meaning) as caught:
        Store(tmp_path / "home").obtain(f"{host}/{status}/a:1", tmp_path / "never-read.yaml")
    assert type(caught.value) is kind
    assert len(asked) in tries


def test_archives(image: Path, tmp_path: Path) -> None:
    """A saved image, a tar of a layout and a layout are the same image, named or bare."""
    saved, packed = tmp_path / "saved.tar", tmp_path / "packed.tar"
    source = f"oci:{image}:{layout.TAG}"
    subprocess.run(["skopeo", "copy", "-q", source, f"docker-archive:{saved}:a/b:1"], check=True)
    subprocess.run(["skopeo", "copy", "-q", source, f"oci-archive:{packed}:v1"], check=True)
    store = Store(tmp_path / "home")
    refs = [
        str(saved),
        f"docker-archive:{saved}",
        f"docker-archive:{saved}:a/b:1",
        str(packed),
        source,
        str(image),
    ]
    found = [store.obtain(ref, None) for ref in refs]
    assert [one.config for one in found] == [CONFIG] * len(refs)
    assert [one.info.ref for one in found] == refs


def test_a_truncated_archive(image: Path, tmp_path: Path) -> None:
    """A broken archive is an image error that names it, and leaves nothing in the store."""
    saved = tmp_path / "saved.tar"
    subprocess.run(
        ["skopeo", "copy", "-q", f"oci:{image}:{layout.TAG}", f"docker-archive:{saved}"], check=True
    )
    saved.write_bytes(saved.read_bytes()[:2048])
    with pytest.raises(ImageError, match=r"saved\.tar"):
        Store(tmp_path / "home").obtain(f"docker-archive:{saved}", None)
    assert not (tmp_path / "home" / "images").exists()


@pytest.mark.docker
def test_an_engine_is_filled_from_what_is_kept_by_digest(
    registry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`images prepare --into-store` keeps pinned images; the engine gets them from there. A tag is asked for anew."""
    from profile_smoke.__main__ import main
    from profile_smoke.target.docker import connect
    from profile_smoke.target.docker_images import EngineImages

    monkeypatch.setenv("PROFILE_SMOKE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    store, client = Store(tmp_path), connect()
    digest = store.obtain(f"{registry}/small:1", None, policy="never").info.digest
    pinned = f"{registry}/small:1@{digest}"
    monkeypatch.setenv("PROFILE_SMOKE_IMAGE", f"nginx={pinned},redis={registry}/small:1")
    names: list[str] = []
    try:
        assert not store.keeps(pinned)
        assert main(["images", "prepare", "--into-store"]) == 0
        assert capsys.readouterr().out == f"{pinned} {digest}\n"
        assert store.keeps(pinned)
        images = EngineImages(client, store)
        kept, asked = (images.prepare(ref, None, policy="auto") for ref in (pinned, f"{registry}/small:1"))
        names = [kept.engine_ref or "", asked.engine_ref or ""]
        assert kept.info == ImageInfo(pinned, digest)
        assert kept.config.env == CONFIG.env
        assert names[0].startswith("profile-smoke.invalid/image:")
        assert names[1] == f"{registry}/small:1"
        assert images.prepare(pinned, None, policy="auto").info.ref == pinned
    finally:
        for name in filter(None, names):
            client.images.remove(name, force=True)
        client.close()
