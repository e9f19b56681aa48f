"""What carries a run's label goes, and is seen to go: in order, by events, and with force where a node does not answer."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from profile_smoke.errors import InfrastructureError
from profile_smoke.target import kubernetes_sweep
from profile_smoke.target.kubernetes_errors import ApiError
from profile_smoke.target.kubernetes_sweep import Place, forget_place, note_place, noted_place, sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from profile_smoke.target.kubernetes_api import Api

RUN = "20260101-000000-aaaaaa"


class Cluster:
    """Things by kind; a deleted one goes when it is watched for, but for those that `stay`."""

    namespace = "smoke"

    def __init__(
        self, *things: tuple[str, str], stay: tuple[str, ...] = (), watch: ApiError | None = None
    ) -> None:
        self.there = {kind: [name for each, name in things if each == kind] for kind, _ in things}
        self.deleted: list[tuple[str, str, int | None]] = []
        self.going: set[str] = set()
        self._stay, self._watch = stay, watch

    def listed(self, kind: str, *, selector: str) -> dict[str, Any]:
        assert selector == f"profile-smoke.run={RUN}"
        return {
            "metadata": {"resourceVersion": "7"},
            "items": [{"metadata": self._metadata(name)} for name in self.there.get(kind, ())],
        }

    def _metadata(self, name: str) -> dict[str, str]:
        going = {"deletionTimestamp": "now"} if name in self.going else {}
        return {"name": name, "uid": f"uid-{name}", **going}

    def delete(self, kind: str, name: str, *, grace: int | None) -> None:
        self.deleted.append((kind, name, grace))
        self.going.add(name)
        if grace == 0:
            self.there[kind].remove(name)

    def watch(
        self, kind: str, since: str, seconds: int, *, selector: str, opened: Callable[[Any], None]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        del seconds, selector, opened
        assert since == "7"
        going = [name for name in self.there[kind] if name in self.going and name not in self._stay]
        self.there[kind] = [name for name in self.there[kind] if name not in going]
        if self._watch is not None:
            raise self._watch
        for name in going:
            yield "DELETED", {"metadata": {"uid": f"uid-{name}"}}


def swept(cluster: Cluster) -> list[str]:
    return sweep(cast("Api", cluster), RUN)


def test_what_makes_pods_goes_before_them_and_claims_after() -> None:
    """Else a controller would make another one, and a claim would wait for its pod."""
    cluster = Cluster(
        ("PersistentVolumeClaim", "d"), ("Pod", "a"), ("Deployment", "x"), ("ConfigMap", "c"), ("Pod", "b")
    )
    assert swept(cluster) == [
        f"kubernetes {thing}"
        for thing in (
            "Deployment smoke/x",
            "Pod smoke/a",
            "Pod smoke/b",
            "PersistentVolumeClaim smoke/d",
            "ConfigMap smoke/c",
        )
    ]
    assert cluster.deleted == [
        ("Deployment", "x", None),
        ("Pod", "a", 1),
        ("Pod", "b", 1),
        ("PersistentVolumeClaim", "d", None),
        ("ConfigMap", "c", None),
    ]


def test_nothing_is_there() -> None:
    """Nothing is deleted then, and nothing waited for."""
    assert swept(Cluster()) == []


@pytest.mark.parametrize("status", [0, 410, 503])
def test_a_watch_that_breaks_is_no_end(status: int) -> None:
    """The list says what there is."""
    assert swept(Cluster(("Pod", "a"), watch=ApiError("broken", status))) == ["kubernetes Pod smoke/a"]


def test_a_watch_that_is_not_allowed_is_told() -> None:
    """Going on without it would be asking in turns."""
    with pytest.raises(ApiError, match="you may not"):
        swept(Cluster(("Pod", "a"), watch=ApiError("you may not", 403)))


def test_a_pod_whose_node_does_not_answer_goes_with_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """When it had its time."""
    cluster = Cluster(("Pod", "a"), stay=("a",))
    times = iter((0.0, 1.0, 61.0))
    monkeypatch.setattr(kubernetes_sweep, "time", SimpleNamespace(monotonic=lambda: next(times)))
    assert swept(cluster) == ["kubernetes Pod smoke/a"]
    assert cluster.deleted == [("Pod", "a", 1), ("Pod", "a", 0)]


def test_what_does_not_go_is_an_error_that_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody's finalizer: not waited for forever."""
    cluster = Cluster(("ConfigMap", "c"), stay=("c",))
    times = iter((0.0, 1.0, 61.0, 121.0))
    monkeypatch.setattr(kubernetes_sweep, "time", SimpleNamespace(monotonic=lambda: next(times)))
    with pytest.raises(InfrastructureError, match="still there in namespace smoke: ConfigMap c"):
        swept(cluster)


def test_where_a_run_is_at_work_is_noted_until_nothing_is_left(tmp_path: Path) -> None:
    """In the run's folder, which `clean` reads."""
    folder = tmp_path / "kubernetes"
    assert noted_place(folder) is None
    place = Place("kind-a", "smoke", ("docker/a-control-plane", "docker/a-worker"))
    note_place(folder, place)
    assert noted_place(folder) == place
    forget_place(folder)
    assert not folder.exists()
    forget_place(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"context": "kind-a", "namespace": "smoke"}', '"a"', "\0"])
def test_a_note_that_says_nothing_is_an_error_that_names_it(tmp_path: Path, text: str) -> None:
    """Such as another version's, or one that somebody edited."""
    (tmp_path / "place.json").write_text(text)
    with pytest.raises(InfrastructureError, match=r"/place\.json: does not say where the run was; remove"):
        noted_place(tmp_path)


def test_a_note_that_was_never_finished_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is killed while it is written, or finds the disk full, has made nothing yet."""
    folder = tmp_path / "kubernetes"

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        note_place(folder, Place("kind-a", "smoke"))
    assert list(folder.iterdir()) != []
    assert noted_place(folder) is None
    forget_place(folder)
    assert not folder.exists()
