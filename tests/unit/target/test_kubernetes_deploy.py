"""The node agent's manifests against the program that they run, and what is said of a pod that does not start."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from profile_smoke import __version__
from profile_smoke.agent import __main__ as program
from profile_smoke.agent import shelf
from profile_smoke.image import recipe
from profile_smoke.image.program import archive, recipe_with_program
from profile_smoke.observe import notify
from profile_smoke.profile.document import load, parse
from profile_smoke.profile.evaluate import Evaluator
from profile_smoke.profile.model import Action
from profile_smoke.resources import bundled
from profile_smoke.syscall import tables
from profile_smoke.target import kubernetes_agents, kubernetes_deploy
from profile_smoke.target.kubernetes_agents import AgentAccess

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = bundled("deploy") / "agent"
MANIFEST = FOLDER / "agent.yaml"


def documents() -> dict[str, dict[str, Any]]:
    return {each["kind"]: each for each in yaml.safe_load_all(MANIFEST.read_text("utf-8"))}


def pod() -> dict[str, Any]:
    found: dict[str, Any] = documents()["DaemonSet"]["spec"]["template"]["spec"]
    return found


def containers() -> list[dict[str, Any]]:
    return [*pod()["initContainers"], *pod()["containers"]]


def test_the_manifest_is_of_this_version() -> None:
    """A release cannot forget it: the image's tag is the program's version, in manifest and Containerfile."""
    assert {each["image"] for each in containers()} == {kubernetes_deploy.IMAGE}
    assert f"profile-smoke-agent:{__version__} " in (FOLDER / "Containerfile").read_text("utf-8")


def test_an_image_of_ones_own_takes_every_place() -> None:
    """And nothing else is changed."""
    own = kubernetes_deploy.manifests(MANIFEST, "registry.example/agent:1")
    text = json.dumps(list(own))
    assert kubernetes_deploy.IMAGE not in text
    assert json.loads(text.replace("registry.example/agent:1", kubernetes_deploy.IMAGE)) == list(
        yaml.safe_load_all(MANIFEST.read_text("utf-8"))
    )


def test_the_program_understands_what_the_manifest_says() -> None:
    """Every container's arguments and probes are commands that it has, with its folders at their default places."""
    parser = program._parser()
    for each in containers():
        assert parser.parse_args(each["args"]).act
        for probe in ("startupProbe", "readinessProbe"):
            if probe in each:
                assert each[probe]["exec"]["command"][:3] == ["python3", "-m", "profile_smoke.agent"]
                assert parser.parse_args(each[probe]["exec"]["command"][3:]).act
    mounts = {mount["name"]: mount["mountPath"] for each in containers() for mount in each["volumeMounts"]}
    assert mounts["seccomp"] == str(program._SECCOMP)
    assert mounts["sockets"] == str(program._SOCKETS)
    hosts = {each["name"]: (each.get("hostPath") or {}).get("path") for each in pod()["volumes"]}
    # The runtime, on the node, sees the sockets by the path that the agent gives.
    assert hosts == {"seccomp": mounts["seccomp"], "sockets": mounts["sockets"], "reader": None}
    serve = next(each for each in containers() if each["name"] == "agent")["args"]
    assert serve[serve.index("--reader") + 1] == str(program._READER)


def test_names_are_those_by_which_the_agents_are_found() -> None:
    """Namespace and label; everything that is made carries the label."""
    found = documents()
    assert found["Namespace"]["metadata"]["name"] == kubernetes_agents.NAMESPACE
    assert all(
        each["metadata"]["namespace"] == kubernetes_agents.NAMESPACE
        for kind, each in found.items()
        if kind != "Namespace"
    )
    key, value = kubernetes_agents.SELECTOR.split("=")
    assert all(each["metadata"]["labels"][key] == value for each in found.values())
    assert found["DaemonSet"]["spec"]["template"]["metadata"]["labels"] == {key: value}


def test_privileges_are_the_documented_ones_and_no_more() -> None:
    """A new privilege is a decision: it changes this test, and docs/node-agent.md."""
    assert pod()["automountServiceAccountToken"] is False
    assert documents()["ServiceAccount"]["automountServiceAccountToken"] is False
    assert pod()["hostPID"] is True
    assert not {"hostNetwork", "hostIPC", "tolerations"} & set(pod())
    granted = {}
    for each in containers():
        security = each["securityContext"]
        assert security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"]["drop"] == ["ALL"]
        assert "privileged" not in security
        assert each["resources"]["limits"].keys() == {"cpu", "memory"}
        granted[each["name"]] = (
            security["capabilities"].get("add", []),
            security["seccompProfile"]["type"],
            sorted(mount["name"] for mount in each["volumeMounts"]),
        )
    assert granted == {
        "own-profile": ([], "RuntimeDefault", ["seccomp"]),
        "agent": (["SYS_PTRACE", "KILL"], "Localhost", ["reader", "seccomp", "sockets"]),
        "reader": (["SYS_ADMIN", "SYS_PTRACE"], "Unconfined", ["reader"]),
    }


def test_the_own_profile_is_put_where_the_manifest_names_it(tmp_path: Path) -> None:
    """By the very command of the init container; and it is a profile without a problem."""
    assert program.main(["own-profile", "--seccomp", str(tmp_path)]) == 0
    agent = next(each for each in containers() if each["name"] == "agent")
    named = agent["securityContext"]["seccompProfile"]["localhostProfile"]
    assert load(tmp_path / named).warnings == ()
    assert named.startswith(f"{shelf.FOLDER}/{shelf.OWN}/")


@pytest.mark.parametrize("request_", ["_RECV", "_SEND", "_ID_VALID", "_SET_FLAGS"])
def test_the_own_profile_permits_what_the_supervisor_asks_the_kernel(request_: str) -> None:
    """A request that is new in the one file has its place in the other; other requests stay refused."""
    profile = parse((resources.files("profile_smoke.agent") / "seccomp.json").read_text(), "own").profile
    evaluator = Evaluator(profile, "x86_64")
    number = tables.number("x86_64", "ioctl")
    assert number is not None
    args = (3, getattr(notify, request_), 0, 0, 0, 0)
    assert evaluator.decide("x86_64", number, args).action is Action.ALLOW
    tiocsti = (3, 0x5412, 0, 0, 0, 0)
    assert not evaluator.decide("x86_64", number, tiocsti).action.permits


def test_the_standin_holds_this_program() -> None:
    """Its recipe is valid with the program beside it, the same twice, and another for another program."""
    with recipe_with_program(FOLDER / "standin.yaml") as path:
        found = recipe.load(path)
    assert archive() in found.files.values()
    assert archive() == archive()
    assert found.config.entrypoint == ("python3", "-m", "profile_smoke.agent")
    assert not path.exists()


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (
            {
                "containerStatuses": [
                    {"name": "agent", "state": {"waiting": {"reason": "ErrImagePull", "message": "no"}}}
                ]
            },
            ("ErrImagePull", "agent: no"),
        ),
        (
            {
                "initContainerStatuses": [{"name": "own", "state": {"terminated": {"reason": "Completed"}}}],
                "containerStatuses": [
                    {"name": "agent", "state": {"waiting": {"reason": "PodInitializing"}}},
                    {
                        "name": "reader",
                        "state": {"waiting": {"reason": "CreateContainerError", "message": "no file"}},
                    },
                ],
            },
            ("CreateContainerError", "reader: no file"),
        ),
        (
            {
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/1 nodes",
                    }
                ]
            },
            ("Unschedulable", "0/1 nodes"),
        ),
        ({"reason": "Evicted", "message": "low on memory"}, ("Evicted", "low on memory")),
        ({}, ("", "")),
    ],
)
def test_what_a_pod_waits_for(status: dict[str, Any], says: tuple[str, str]) -> None:
    """The container that has trouble, not those that wait for it."""
    assert kubernetes_deploy._state({"status": status}) == says


def test_a_pod_where_no_agent_is_names_the_node() -> None:
    """It is an error of the infrastructure, whatever the pod does there."""
    from profile_smoke.errors import InfrastructureError

    access = AgentAccess.__new__(AgentAccess)

    class Nodes:
        nodes = ("a", "b")

    access._fleet = Nodes()  # type: ignore[assignment]  # all that is looked at
    with pytest.raises(InfrastructureError, match="node c, where no node agent runs"):
        access.landed("launch-1", "c")
