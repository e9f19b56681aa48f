"""What runs leave on a machine: nothing, or these tests fail.

Other runs may be at work at the same time; what belongs to a run that is alive (its lock is held) is no leftover, nor what
belongs to another worker's run (see `homes`): some tests kill runs, and look what becomes of them.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.support import homes, targets

from profile_smoke import rundir
from profile_smoke.agent.shelf import RUN
from profile_smoke.model import RUN_LABEL
from profile_smoke.target.linux import mounts_below

_CGROUPS = Path("/sys/fs/cgroup")


def leftovers(*, cluster: bool = False) -> frozenset[str]:
    """One line for each thing of a dead run: folders, containers, mounts, cgroups, labelled things in the engine.

    Those in the cluster only where that is asked for: an agent tidies up after a run that ended while it was gone, later.
    """
    seen, others = _traces(cluster=cluster), homes.others_runs()
    runs = rundir.home() / "runs"
    dead = {trace for trace, run in seen.items() if run not in others and not rundir.is_alive(runs / run)}
    # A run that ended while this looked is dead by now, and its traces are gone: only what is still there counts.
    return frozenset(dead & set(_traces(cluster=cluster))) if dead else frozenset()


def _traces(*, cluster: bool) -> dict[str, str]:
    """Everything that any run made, with the id of its run."""
    return {**_folders(), **_mounts(), **_cgroups(), **_engine(), **(_cluster() if cluster else {})}


def _folders() -> dict[str, str]:
    runs = rundir.home() / "runs"
    found = {}
    for run in _within(runs):
        found[f"run folder {run}"] = run.name
        for container in _within(run / "oci" / "state"):
            found[f"runc container {container.name}"] = run.name
    return found


def _mounts() -> dict[str, str]:
    runs = rundir.home() / "runs"
    return {
        f"mount {point}": point.relative_to(runs).parts[0] for point in mounts_below(runs) if point != runs
    }


def _cgroups() -> dict[str, str]:
    hierarchies = [_CGROUPS, *(path for path in _CGROUPS.iterdir() if path.is_dir())]
    parents = [root / "profile-smoke" for root in hierarchies]
    return {f"cgroup {run}": run.name for parent in parents for run in _within(parent) if run.is_dir()}


def _within(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:  # there is none, or it was removed with its last run, in between
        return []


def _engine() -> dict[str, str]:
    if targets.missing("docker"):
        return {}
    from profile_smoke.target.docker import connect

    client = connect()
    try:
        api = client.api
        things = [
            (f"docker container {entry['Id'][:12]}", entry["Labels"][RUN_LABEL])
            for entry in api.containers(all=True, filters={"label": RUN_LABEL})
        ]
        things += [
            (f"docker volume {entry['Name']}", entry["Labels"][RUN_LABEL])
            for entry in api.volumes(filters={"label": RUN_LABEL})["Volumes"] or ()
        ]
        return dict(things)
    finally:
        client.close()


def _cluster() -> dict[str, str]:
    """What the API server still has, in every namespace, and what lies on the nodes."""
    if targets.missing("kubernetes"):
        return {}
    from kubernetes import client

    from profile_smoke.target.kubernetes_api import Api

    api = Api.connect(targets.context())
    try:
        core, apps = client.CoreV1Api(api.client), client.AppsV1Api(api.client)
        lists = {
            "pod": core.list_pod_for_all_namespaces,
            "configmap": core.list_config_map_for_all_namespaces,
            "claim": core.list_persistent_volume_claim_for_all_namespaces,
            "deployment": apps.list_deployment_for_all_namespaces,
            "statefulset": apps.list_stateful_set_for_all_namespaces,
            "daemonset": apps.list_daemon_set_for_all_namespaces,
        }
        found = {}
        for kind, ask in lists.items():
            for each in json.loads(ask(label_selector=RUN_LABEL, _preload_content=False).data)["items"]:
                meta = each["metadata"]
                found[f"{kind} {meta['namespace']}/{meta['name']}"] = meta["labels"][RUN_LABEL]
    finally:
        api.close()
    return {**found, **_nodes()}


def _nodes() -> dict[str, str]:
    """Folders of profiles and sockets in kind nodes, whose files this host's root sees."""
    names = subprocess.run(
        ["docker", "ps", "--filter", "label=io.x-k8s.kind.cluster", "--format", "{{.Names}}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    found = {}
    for name in names:
        inspected = subprocess.run(
            ["docker", "inspect", "--format", "{{.State.Pid}}", name],
            check=False,
            capture_output=True,
            text=True,
        )
        if inspected.returncode:  # another worker's cluster, taken down in between
            continue
        root = Path(f"/proc/{inspected.stdout.strip()}/root")
        for path in (
            *_within(root / "var/lib/kubelet/seccomp/profile-smoke"),
            *_within(root / "run/profile-smoke"),
        ):
            if RUN.fullmatch(path.stem):
                found[f"{path.relative_to(root)} on node {name}"] = path.stem
    return found
