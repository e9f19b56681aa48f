"""Which cluster is meant: one line where there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from profile_smoke import rundir
from profile_smoke.errors import TargetUnavailableError
from profile_smoke.image.store import Store
from profile_smoke.target.kubernetes import KubernetesTarget
from profile_smoke.target.kubernetes_api import Api

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "one",
    "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "u", "user": {"token": "t"}}],
    "contexts": [
        {"name": "one", "context": {"cluster": "c", "user": "u"}},
        {"name": "two", "context": {"cluster": "c", "user": "u", "namespace": "smoke"}},
    ],
}


@pytest.fixture
def kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Puts a text where the client looks."""
    from kubernetes.config import kube_config

    path = tmp_path / "config"
    monkeypatch.setattr(kube_config, "KUBE_CONFIG_DEFAULT_LOCATION", str(path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    def put(text: str) -> None:
        path.write_text(text)

    return put


@pytest.mark.parametrize(
    ("context", "namespace", "found"),
    [
        (None, None, ("one", "default")),
        ("two", None, ("two", "smoke")),
        ("two", "mine", ("two", "mine")),
    ],
)
def test_context_and_namespace(
    kubeconfig: Callable[[str], None], context: str | None, namespace: str | None, found: tuple[str, str]
) -> None:
    """Those that are asked for, else the current one and its own."""
    kubeconfig(json.dumps(CONFIG))
    api = Api.connect(context, namespace)
    assert (api.context, api.namespace) == found
    api.close()


def test_a_context_that_is_not_there_is_named_with_those_that_are(kubeconfig: Callable[[str], None]) -> None:
    """So is what to do where there is no kubeconfig at all."""
    kubeconfig(json.dumps(CONFIG))
    with pytest.raises(TargetUnavailableError, match="no context 'three'; there are: one, two"):
        Api.connect("three")
    kubeconfig("")
    with pytest.raises(TargetUnavailableError, match=r"no kubeconfig: .*cluster up"):
        Api.connect()


def test_a_server_that_is_not_there_makes_the_target_unavailable(
    kubeconfig: Callable[[str], None], tmp_path: Path
) -> None:
    """In one line, that says so once."""
    kubeconfig(json.dumps(CONFIG))
    target = KubernetesTarget(rundir.RunDir("r", tmp_path), Store(tmp_path, print))
    with pytest.raises(TargetUnavailableError) as caught:
        target.check()
    assert str(caught.value).count("target kubernetes: ") == 1
    assert "does not answer" in str(caught.value)
    target.finish()
