"""The API server, as much of it as this program uses, through the official client.

Answers are read as plain JSON, not as the client's models: what a server older or newer than the client leaves out or adds
makes no difference then.
"""

from __future__ import annotations

import json
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from profile_smoke.target.kubernetes_config import load
from profile_smoke.target.kubernetes_errors import ApiError, api_error, api_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kubernetes.client import Configuration

Document = dict[str, Any]
API_VERSIONS = {
    "v1": "CoreV1Api",
    "apps/v1": "AppsV1Api",
    "authorization.k8s.io/v1": "AuthorizationV1Api",
    "storage.k8s.io/v1": "StorageV1Api",
}
"""All that is ever asked for, and who asks; every server since 1.20 has them."""
KINDS = {
    "Pod": ("v1", "pod"),
    "ConfigMap": ("v1", "config_map"),
    "PersistentVolumeClaim": ("v1", "persistent_volume_claim"),
    "Event": ("v1", "event"),
    "ResourceQuota": ("v1", "resource_quota"),
    "LimitRange": ("v1", "limit_range"),
    "Deployment": ("apps/v1", "deployment"),
    "StatefulSet": ("apps/v1", "stateful_set"),
    "DaemonSet": ("apps/v1", "daemon_set"),
}
"""Version and name, in the client's methods, of the kinds that lie in namespaces."""
_IN_NO_NAMESPACE = frozenset({"nodes"})
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 30.0
"""For a connection, and for an answer."""
_CONNECTIONS = 64
_TRIES = 4
_LINE_LIMIT = 1 << 24


class Api:
    """A connection to one cluster, with one namespace in it. Safe for use from several threads."""

    def __init__(self, configuration: Configuration, context: str, namespace: str) -> None:
        from kubernetes.client import ApiClient

        self.configuration, self.context, self.namespace = configuration, context, namespace
        self.client = ApiClient(configuration)

    @classmethod
    def connect(cls, context: str | None = None, namespace: str | None = None) -> Self:
        """To a context of the kubeconfig (the current one where none is named), or, in a pod, to its own cluster.

        Raises:
            TargetUnavailableError: there is no such context, or no kubeconfig at all.
        """
        from kubernetes.client import Configuration

        configuration = Configuration()
        name, own = load(configuration, context)
        configuration.connection_pool_maxsize = _CONNECTIONS
        # What is worth a second try is decided here; the library would also tell of its own on stderr.
        configuration.retries = 0
        return cls(configuration, name, namespace or own)

    def close(self) -> None:
        """Close idle connections."""
        self.client.close()

    @cached_property
    def version(self) -> str:
        """The server's (`v1.20.2`). Raises ApiError."""
        from kubernetes.client import VersionApi

        found = self._ask("asking the API server's version", VersionApi(self.client).get_code)
        return str(found.get("gitVersion", ""))

    def create(self, document: Document) -> Document:
        """Make it in our namespace, with what the server added. One that is there already by an earlier try is ours.

        Raises:
            QuotaError, ApiError: it was refused, or nobody answers.
        """
        version, name = KINDS[document["kind"]]
        make = getattr(self._api(version), f"create_namespaced_{name}")
        doing = f"creating the {document['kind']} {document['metadata']['name']}"
        tried: list[ApiError] = []

        def once() -> Document:
            try:
                return self._once(doing, make, self.namespace, document)
            except ApiError as error:
                if error.conflict and tried:
                    return self.read(document["kind"], document["metadata"]["name"]) or {}
                tried.append(error)
                raise

        return _patiently(once)

    def read(self, kind: str, name: str) -> Document | None:
        """One thing, None where there is none. Raises ApiError."""
        version, suffix = KINDS[kind]
        get = getattr(self._api(version), f"read_namespaced_{suffix}")
        try:
            return self._ask(f"reading the {kind} {name}", get, name, self.namespace)
        except ApiError as error:
            if error.not_found:
                return None
            raise

    def listed(self, kind: str, *, selector: str = "", limit: int | None = None) -> Document:
        """The whole list document: `items`, and `metadata.resourceVersion` to watch from. Raises ApiError."""
        version, suffix = KINDS[kind]
        options = {"limit": limit} if limit else {}
        get = getattr(self._api(version), f"list_namespaced_{suffix}")
        return self._ask(f"listing {kind}s", get, self.namespace, label_selector=selector, **options)

    def nodes(self) -> list[Document]:
        """All nodes. Raises ApiError."""
        items: list[Document] = self._ask("listing the nodes", self._api("v1").list_node).get("items") or []
        return items

    def delete(self, kind: str, name: str, *, grace: int | None = None) -> bool:
        """Let it go, with what it owns; False where it is gone already. Raises ApiError."""
        version, suffix = KINDS[kind]
        remove = getattr(self._api(version), f"delete_namespaced_{suffix}")
        body: Document = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"}
        if grace is not None:
            body["gracePeriodSeconds"] = grace
        try:
            self._ask(f"deleting the {kind} {name}", remove, name, self.namespace, body=body)
        except ApiError as error:
            if not error.not_found:
                raise
            return False
        return True

    def watch(
        self, kind: str, since: str, seconds: int, *, selector: str = "", opened: Callable[[Any], None]
    ) -> Iterator[tuple[str, Document]]:
        """Changes since a resource version, for so many seconds: `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK`.

        `opened` is given the response, by whose `shutdown()` another thread can end it.

        Raises:
            ApiError: also with `gone`, when that version's history is not kept any more.
        """
        version, suffix = KINDS[kind]
        get = getattr(self._api(version), f"list_namespaced_{suffix}")
        doing = f"watching {kind}s"
        with api_errors(doing):
            response = get(
                self.namespace,
                label_selector=selector,
                watch=True,
                resource_version=since,
                timeout_seconds=seconds,
                allow_watch_bookmarks=True,
                _preload_content=False,
                _request_timeout=(CONNECT_SECONDS, seconds + ANSWER_SECONDS),
            )
            opened(response)
            try:
                for line in _lines(response.stream(1 << 16)):
                    change = json.loads(line)
                    found = change["object"]
                    if change["type"] == "ERROR":
                        raise api_error(doing, int(found.get("code") or 0), str(found.get("message", "")))
                    yield change["type"], found
            finally:
                response.close()

    def stream_client(self) -> Any:
        """The core API over a client of its own: opening a stream changes the client while it does so. To be closed."""
        from kubernetes.client import ApiClient, CoreV1Api

        return CoreV1Api(ApiClient(self.configuration))

    def may(self, verb: str, resource: str, group: str = "", subresource: str = "") -> bool:
        """Whether the cluster's rules let us, in our namespace or, for what lies in none, at all. Raises ApiError."""
        # A role that allows everything in a namespace would be answered to allow `nodes` there too.
        namespace = "" if resource in _IN_NO_NAMESPACE else self.namespace
        attributes = {"namespace": namespace, "verb": verb, "resource": resource, "group": group}
        if subresource:
            attributes["subresource"] = subresource
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        ask = self._api("authorization.k8s.io/v1").create_self_subject_access_review
        return bool((self._ask("asking what we may do", ask, body).get("status") or {}).get("allowed"))

    def _api(self, version: str) -> Any:
        from kubernetes import client

        return getattr(client, API_VERSIONS[version])(self.client)

    def _ask(self, doing: str, call: Callable[..., Any], *args: Any, **options: Any) -> Document:
        """What may be asked again without harm, and is where nobody answered."""
        return _patiently(lambda: self._once(doing, call, *args, **options))

    def _once(self, doing: str, call: Callable[..., Any], *args: Any, **options: Any) -> Document:
        with api_errors(doing):
            response = call(
                *args,
                _preload_content=False,
                _request_timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                **options,
            )
            found: Document = json.loads(response.data)
        return found


def _patiently(work: Callable[[], Document]) -> Document:
    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, ApiError) and error.transient),
        stop=stop_after_attempt(_TRIES),
        wait=wait_random_exponential(multiplier=0.2, max=2),
        reraise=True,
    )
    return retrying(work)


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a stream, as they become whole."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line for line in whole if line.strip())
        if len(rest) > _LINE_LIMIT:
            raise ValueError("a line of the watch is too long")
