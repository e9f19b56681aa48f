"""The documents of a launch: every shape says the same workload, and nothing in a scenario changes meaning on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profile_smoke.errors import UsageError
from profile_smoke.scenario.model import Start, file_bytes
from profile_smoke.target.kubernetes_manifest import documents, pod_spec
from profile_smoke.target.kubernetes_plan import Plan, SeccompAt, Shape, Workload
from profile_smoke.target.kubernetes_volumes import CONFIG_MAP_BYTES

PLAN = Plan(
    name="ps-1",
    image="registry.example/app:1",
    start=Start(),
    namespace="smoke",
    labels={"profile-smoke.launch": "1"},
    annotations={"made-by": "test"},
    localhost_profile="profile-smoke/database.json",
)
RICH = replace(
    PLAN,
    start=Start(
        entrypoint=("/bin/app",),
        args=("--level", "1"),
        env={"A": "b"},
        user="999:998",
        ports=(80, 81),
        volumes=("/data", "/more"),
        files={"/etc/app.conf": "x = 1\n"},
    ),
    node="worker-2",
    requests={"cpu": "50m"},
)
SHAPES = [Shape(workload, at) for workload in Workload for at in SeccompAt]


def pod(plan: Plan) -> dict[str, Any]:
    return pod_spec(documents(plan)[-1])


def container(plan: Plan) -> dict[str, Any]:
    found: dict[str, Any] = pod(plan)["containers"][0]
    return found


def started(**start: Any) -> Plan:
    return replace(PLAN, start=Start(**start))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_every_shape_runs_the_same_container(shape: Shape) -> None:
    """What the workload is does not depend on the kind of object that makes its pod."""
    found = container(replace(RICH, shape=shape))
    assert found["command"] == ["/bin/app"]
    assert found["args"] == ["--level", "1"]
    assert found["env"] == [{"name": "A", "value": "b"}]
    assert found["ports"] == [{"containerPort": 80}, {"containerPort": 81}]
    assert found["resources"] == {"requests": {"cpu": "50m"}}
    assert found["imagePullPolicy"] == "IfNotPresent"
    assert {each["mountPath"] for each in found["volumeMounts"]} == {"/etc/app.conf", "/data", "/more"}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_profile_is_named_in_one_place(shape: Shape) -> None:
    """In the pod's security context or in the container's, never in both: the inner one would hide a mistake."""
    plan = replace(PLAN, shape=shape)
    wanted = {"type": "Localhost", "localhostProfile": "profile-smoke/database.json"}
    places = {
        SeccompAt.POD: pod(plan).get("securityContext", {}).get("seccompProfile"),
        SeccompAt.CONTAINER: container(plan)["securityContext"].get("seccompProfile"),
    }
    assert places.pop(shape.seccomp_at) == wanted
    assert list(places.values()) == [None]


def test_without_a_profile_the_default_is_asked_for() -> None:
    """Where nothing is said, kubelets without SeccompDefault run the pod unconfined."""
    security = pod(replace(PLAN, localhost_profile=None))["securityContext"]
    assert security == {"seccompProfile": {"type": "RuntimeDefault"}}


@pytest.mark.parametrize("workload", Workload)
@pytest.mark.parametrize("keep", [False, True])
def test_every_document_carries_the_labels(workload: Workload, *, keep: bool) -> None:
    """What a run made is found by them: pods of controllers and claims of a StatefulSet's templates too."""
    made = documents(replace(RICH, shape=Shape(workload), keep_volumes=keep))
    assert all(each["metadata"]["labels"] == PLAN.labels for each in made)
    assert all(each["metadata"]["annotations"] == PLAN.annotations for each in made)
    assert all(each["metadata"]["namespace"] == "smoke" for each in made)
    if workload is not Workload.POD:
        spec = made[-1]["spec"]
        assert spec["template"]["metadata"]["labels"] == spec["selector"]["matchLabels"] == PLAN.labels
        assert all(each["metadata"]["labels"] == PLAN.labels for each in spec.get("volumeClaimTemplates", ()))


@pytest.mark.parametrize("workload", Workload)
@pytest.mark.parametrize("keep", [False, True])
def test_every_mount_has_its_volume(workload: Workload, *, keep: bool) -> None:
    """A mount without one is refused by the API, and a claim that nobody makes leaves the pod pending for ever."""
    made = documents(replace(RICH, shape=Shape(workload), keep_volumes=keep))
    spec = pod_spec(made[-1])
    templates = {each["metadata"]["name"] for each in made[-1]["spec"].get("volumeClaimTemplates", ())}
    volumes = {each["name"] for each in spec["volumes"]}
    assert {each["name"] for each in spec["containers"][0]["volumeMounts"]} == volumes | templates
    names = {
        kind: {each["metadata"]["name"] for each in made if each["kind"] == kind}
        for kind in ("ConfigMap", "PersistentVolumeClaim")
    }
    assert {v["configMap"]["name"] for v in spec["volumes"] if "configMap" in v} == names["ConfigMap"]
    claimed = {
        v["persistentVolumeClaim"]["claimName"] for v in spec["volumes"] if "persistentVolumeClaim" in v
    }
    assert claimed == names["PersistentVolumeClaim"]
    assert len(claimed) + len(templates) == (2 if keep else 0)
    assert sum("emptyDir" in each for each in spec["volumes"]) == (0 if keep else 2)


def test_how_a_pod_ended_is_kept() -> None:
    """A pod that the kubelet restarts hides its exit code; controllers take no other policy than Always."""
    assert pod(PLAN)["restartPolicy"] == "Never"
    for workload in set(Workload) - {Workload.POD}:
        assert "restartPolicy" not in pod(replace(PLAN, shape=Shape(workload)))


def test_a_node_is_chosen_through_the_scheduler() -> None:
    """`nodeName` would pass by the resources that other pods have, and leave claims unbound."""
    spec = pod(RICH)
    assert "nodeName" not in spec
    terms = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert terms["nodeSelectorTerms"] == [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["worker-2"]}]}
    ]
    assert "affinity" not in pod(PLAN)


@pytest.mark.parametrize(
    ("user", "fields"),
    [
        (None, {}),
        ("0", {"runAsUser": 0}),
        ("65534", {"runAsUser": 65534, "runAsNonRoot": True}),
        ("999:0", {"runAsUser": 999, "runAsGroup": 0, "runAsNonRoot": True}),
    ],
)
def test_users_are_numbers(user: str | None, fields: dict[str, Any]) -> None:
    """And one that is not root says so, as Pod Security asks."""
    security = pod(started(user=user))["securityContext"]
    assert {name: value for name, value in security.items() if name != "seccompProfile"} == fields


@pytest.mark.parametrize("user", ["nobody", "1:2:3", "1:", "-1", "²"])
def test_a_users_name_is_refused(user: str) -> None:
    """With what would be right."""
    with pytest.raises(UsageError, match="takes a number"):
        documents(started(user=user))


@pytest.mark.parametrize(
    ("user", "denied", "dropped"),
    [("65534", True, True), ("65534", False, False), ("0", True, False), (None, True, False)],
)
def test_capabilities_are_dropped_where_nothing_is_lost(
    user: str | None, *, denied: bool, dropped: bool
) -> None:
    """Root needs its own, and a user that may become root needs the bounding set."""
    security = container(started(user=user, no_new_privileges=denied))["securityContext"]
    assert security["allowPrivilegeEscalation"] is not denied
    assert security.get("capabilities") == ({"drop": ["ALL"]} if dropped else None)


def expanded(text: str, variables: dict[str, str]) -> str:
    """What a kubelet makes of a value (kubernetes `third_party/forked/golang/expansion`)."""
    found, at = "", 0
    while at < len(text):
        if text[at] != "$" or at + 1 == len(text):
            found += text[at]
            at += 1
        elif text[at + 1] == "(" and (end := text.find(")", at)) != -1:
            name = text[at + 2 : end]
            found += variables.get(name, f"$({name})")
            at = end + 1
        elif text[at + 1] == "$":
            found += "$"
            at += 2
        else:
            found += text[at : at + 2]
            at += 2
    return found


@given(st.text(alphabet="$()Aa{} ", max_size=12))
def test_words_arrive_as_the_scenario_has_them(word: str) -> None:
    """A kubelet would replace `$(A)` by the value of A, and halve `$$`, in passwords as everywhere."""
    found = container(started(entrypoint=(word,), args=(word,), env={"A": word}))
    for value in (found["command"][0], found["args"][0], found["env"][0]["value"]):
        assert expanded(value, {"A": "other", "a": "other"}) == word


@given(st.lists(st.one_of(st.text(max_size=40), st.integers(0, CONFIG_MAP_BYTES)), max_size=6))
def test_files_arrive_whole(contents: list[str | int]) -> None:
    """Each is in exactly one ConfigMap, and none holds more than one may."""
    files = {f"/etc/file-{number}": content for number, content in enumerate(contents)}
    made = documents(started(files=files))
    maps = {each["metadata"]["name"]: each["data"] for each in made if each["kind"] == "ConfigMap"}
    assert all(
        sum(len(text.encode()) for text in data.values()) <= CONFIG_MAP_BYTES for data in maps.values()
    )
    spec = pod_spec(made[-1])
    volumes = {each["name"]: maps[each["configMap"]["name"]] for each in spec.get("volumes", ())}
    mounts = spec["containers"][0].get("volumeMounts", ())
    laid = {each["mountPath"]: volumes[each["name"]][each["subPath"]] for each in mounts}
    assert {path: text.encode() for path, text in laid.items()} == {
        path: file_bytes(content) for path, content in files.items()
    }


def test_a_file_that_no_config_map_holds_is_refused() -> None:
    """Before anything is created, with its path and size."""
    with pytest.raises(UsageError, match=r"/big: 1048577 bytes"):
        documents(started(files={"/big": CONFIG_MAP_BYTES + 1}))
