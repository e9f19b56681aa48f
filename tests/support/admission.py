"""An admission webhook that refuses pods: a server on this host, which a kind node reaches at the gateway of its network."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.support import cluster

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "refuser.profile-smoke.test"
WORDS = "not on a Thursday"
_SECONDS = 120.0


class _Refuser(BaseHTTPRequestHandler):
    """Refuses whatever it is asked about (kubernetes.io, `AdmissionReview` of `admission.k8s.io/v1`)."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refusal = {
            "uid": review["request"]["uid"],
            "allowed": False,
            "status": {"message": WORDS, "code": 403},
        }
        body = json.dumps({**review, "request": None, "response": refusal}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def _gateway() -> str:
    """This host, as the kind node with the API server sees it."""
    nodes = json.loads(cluster.kubectl("get", "nodes", "-o", "json"))["items"]
    name = next(
        each["metadata"]["name"] for each in nodes if each["metadata"]["name"].endswith("control-plane")
    )
    networks = "{{range .NetworkSettings.Networks}}{{.Gateway}}{{end}}"
    return subprocess.run(
        ["docker", "inspect", "--format", networks, name], check=True, capture_output=True, text=True
    ).stdout.strip()


def _certificate(folder: Path, address: str) -> tuple[Path, Path]:
    """A certificate of its own, and its key."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    kind = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1")
    whose = ("-subj", f"/CN={address}", "-addext", f"subjectAltName=IP:{address}")
    files = ("-keyout", str(key), "-out", str(certificate))
    subprocess.run(["openssl", "req", "-x509", *kind, *whose, *files], check=True, capture_output=True)
    return certificate, key


@contextmanager
def refuser(place: str, folder: Path, *, answers: bool) -> Iterator[None]:
    """Pods of a namespace are refused within: by the webhook, or for it does not answer."""
    address = _gateway()
    certificate, key = _certificate(folder, address)
    server = ThreadingHTTPServer((address, 0), _Refuser)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    port = server.server_address[1]
    if not answers:
        _close(server, thread)
    try:
        with _registered(place, f"https://{address}:{port}/", certificate.read_bytes()):
            yield
    finally:
        if answers:
            _close(server, thread)


def _close(server: ThreadingHTTPServer, thread: threading.Thread) -> None:
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def _registered(place: str, url: str, certificate: bytes) -> Iterator[None]:
    cluster.kubectl("label", "namespace", place, f"profile-smoke.test={place}")
    hook = {
        "name": NAME,
        "clientConfig": {"url": url, "caBundle": base64.b64encode(certificate).decode()},
        "rules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods"]}
        ],
        "namespaceSelector": {"matchLabels": {"profile-smoke.test": place}},
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 5,
    }
    kind = "ValidatingWebhookConfiguration"
    document = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": place}}
    cluster.kubectl("apply", "-f", "-", stdin={**document, "webhooks": [hook]})
    try:
        _await(place)
        yield
    finally:
        cluster.kubectl("delete", kind, place)


def _await(place: str) -> None:
    """The API server knows it a moment after it was told."""
    container = {"name": "c", "image": "none"}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "tried"},
        "spec": {"containers": [container]},
    }
    deadline = time.monotonic() + _SECONDS
    while cluster.kubectl("create", "-n", place, "--dry-run=server", "-f", "-", stdin=pod, check=False):
        assert time.monotonic() < deadline, "the webhook is not asked"
        time.sleep(0.1)
