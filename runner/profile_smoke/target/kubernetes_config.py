"""Which cluster, and how to reach it: a context of the kubeconfig, or, in a pod, the cluster that the pod is in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke.errors import TargetUnavailableError

if TYPE_CHECKING:
    from kubernetes.client import Configuration

_NAMESPACE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def load(configuration: Configuration, context: str | None) -> tuple[str, str]:
    """Fill in how to reach a context's cluster (the current one's where none is named); its name and its namespace.

    Raises:
        TargetUnavailableError: there is no such context, or no kubeconfig at all.
    """
    from kubernetes import config

    try:
        contexts, active = config.list_kube_config_contexts()
    except config.ConfigException as error:
        if context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _load_own(configuration)
        raise TargetUnavailableError(
            f"target kubernetes: no kubeconfig: {error}; set KUBECONFIG, or make a cluster: profile-smoke cluster up"
        ) from error
    found = next((each for each in contexts if each["name"] == context), None) if context else active
    if found is None:
        names = ", ".join(sorted(each["name"] for each in contexts)) or "none"
        raise TargetUnavailableError(
            f"target kubernetes: there is no context {context!r}; there are: {names}"
        )
    try:
        config.load_kube_config(context=found["name"], client_configuration=configuration)
    except (config.ConfigException, OSError, ValueError) as error:
        raise TargetUnavailableError(f"target kubernetes: context {found['name']}: {error}") from error
    return str(found["name"]), str((found.get("context") or {}).get("namespace") or "default")


def _load_own(configuration: Configuration) -> tuple[str, str]:
    from kubernetes import config

    try:
        config.load_incluster_config(client_configuration=configuration)
        namespace = _NAMESPACE.read_text("utf-8").strip()
    except (config.ConfigException, OSError) as error:
        raise TargetUnavailableError(f"target kubernetes: this pod's service account: {error}") from error
    return "in-cluster", namespace
