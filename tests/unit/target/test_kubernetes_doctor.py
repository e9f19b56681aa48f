"""What `doctor` says of a cluster, and that what may not be asked is unknown, not good."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from profile_smoke.target import kubernetes_doctor
from profile_smoke.target.kubernetes_errors import ApiError
from profile_smoke.target.kubernetes_plan import Workload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from profile_smoke.target.interface import Note
    from profile_smoke.target.kubernetes_api import Api


class Rules:
    """An API server that allows everything but what is named."""

    def __init__(self, *refused: str) -> None:
        self.asked: list[str] = []
        self._refused = refused

    def may(self, verb: str, resource: str, group: str = "", subresource: str = "") -> bool:
        del group
        self.asked.append(" ".join(filter(None, (verb, resource, subresource))))
        return self.asked[-1] not in self._refused


def permissions(rules: Rules, workload: Workload = Workload.POD) -> Note:
    return kubernetes_doctor._permissions(cast("Api", rules), workload)


def node(name: str, kubelet: str = "v1.33.0") -> dict[str, Any]:
    info = {
        "kubeletVersion": kubelet,
        "containerRuntimeVersion": "containerd://2.1",
        "kernelVersion": "6.12",
        "architecture": "amd64",
    }
    return {"metadata": {"name": name}, "status": {"nodeInfo": info}}


def test_every_verb_that_is_missing_is_named() -> None:
    """As whoever writes the role needs it."""
    note = permissions(Rules("create pods", "get pods exec"))
    assert not note.good
    assert note.text == "not allowed: create pods, get pods/exec"
    assert permissions(Rules()).good


@pytest.mark.parametrize(("workload", "created"), [(Workload.POD, False), (Workload.DAEMONSET, True)])
def test_only_what_the_run_makes_is_asked_for(workload: Workload, *, created: bool) -> None:
    """Who runs plain pods needs no right to make controllers."""
    rules = Rules()
    permissions(rules, workload)
    assert ("create daemonsets" in rules.asked) is created
    assert "list daemonsets" in rules.asked
    assert "create deployments" not in rules.asked


def test_nodes_are_counted_by_what_they_are() -> None:
    """And that they are not alike is said: a profile may mean two things then."""
    notes = list(kubernetes_doctor._nodes([node("a"), node("b"), node("c", "v1.32.1")]))
    assert [note.text for note in notes] == [
        "2 with v1.33.0, containerd://2.1, 6.12, amd64",
        "1 with v1.32.1, containerd://2.1, 6.12, amd64",
        "not all alike",
    ]
    assert [note.good for note in notes] == [True, True, False]


@pytest.mark.parametrize(
    ("settings", "good", "text"),
    [
        ([{"seccompDefault": True}] * 2, True, "on: pods that name no profile get the runtime's default"),
        ([{}, {"seccompDefault": False}], True, "off: pods that name no profile run without any"),
        ([{"seccompDefault": True}, {}], True, "off on b: pods that name no profile run without any"),
        ([{}, ApiError("no", 403)], False, "unknown: it takes get on nodes/proxy"),
        ([{}, ApiError("no answer", 0)], False, "unknown: no answer"),
    ],
    ids=["on", "off", "mixed", "may not ask", "no answer"],
)
def test_seccomp_default_is_each_kubelets_own_word(
    monkeypatch: pytest.MonkeyPatch, settings: list[Mapping[str, Any] | Exception], *, good: bool, text: str
) -> None:
    """Where one may not be asked, it is not known: never assumed."""
    answers = dict(zip("ab", settings, strict=True))

    def configz(_api: Api, name: str) -> Mapping[str, Any]:
        answer = answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(kubernetes_doctor, "_configz", configz)
    note = kubernetes_doctor._seccomp_default(cast("Api", Rules()), [node("a"), node("b")])
    assert (note.good, note.text) == (good, text)
