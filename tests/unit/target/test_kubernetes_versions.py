"""Only what every server since 1.20 has is ever asked for."""

from __future__ import annotations

import ast
from pathlib import Path

from profile_smoke.target import kubernetes_api
from profile_smoke.target.kubernetes_api import API_VERSIONS, KINDS

TARGET = Path(kubernetes_api.__file__).parent
SINCE_1_20 = {"v1", "apps/v1", "authorization.k8s.io/v1", "storage.k8s.io/v1"}
CORE = {"CoreV1Api", "VersionApi"}
"""Named where they are used: opening streams, and asking who it is."""


def words(path: Path) -> set[str]:
    """Names and attributes that a module's code uses."""
    tree = ast.walk(ast.parse(path.read_text("utf-8")))
    return {
        node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else node.name
        for node in tree
        if isinstance(node, ast.Name | ast.Attribute | ast.alias)
    }


def test_the_versions_are_those_of_1_20() -> None:
    """A version that came later would have to be asked for first."""
    assert set(API_VERSIONS) == SINCE_1_20
    assert {version for version, _ in KINDS.values()} <= set(API_VERSIONS)


def test_no_other_api_is_used() -> None:
    """No module names another class of the client's than those of the list."""
    allowed = set(API_VERSIONS.values()) | CORE
    used = {
        word
        for path in TARGET.glob("kubernetes*.py")
        for word in words(path)
        if word.endswith("Api") and word != "Api"
    }
    assert used <= allowed


def test_the_client_has_a_method_for_every_kind() -> None:
    """Creating, reading, listing and deleting are found by name."""
    from kubernetes import client

    for version, name in KINDS.values():
        api = getattr(client, API_VERSIONS[version])
        for verb in ("create", "read", "list", "delete"):
            assert hasattr(api, f"{verb}_namespaced_{name}")
