"""`profile-smoke manifests`: what a run in Kubernetes would create, ready for `kubectl apply`."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from profile_smoke.cli import wiring
from profile_smoke.cli.options import Options, TargetName
from profile_smoke.errors import UsageError
from profile_smoke.image import registry
from profile_smoke.profile import raw_oci
from profile_smoke.report import write
from profile_smoke.report.text import safe, wrap
from profile_smoke.resources import bundled
from profile_smoke.target.kubernetes_manifest import Document, documents, pod_spec
from profile_smoke.target.kubernetes_plan import Plan, Shape
from profile_smoke.target.pod_security import violations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from profile_smoke.profile.catalog import NamedProfile
    from profile_smoke.run.plan import Cell

_NODE_FOLDER = "/var/lib/kubelet/seccomp"
_PROFILES = "profiles"
"""Where `kind-config.yaml` has the profiles that come along, below that folder, as the documentation of Kubernetes does."""
_NAME_LENGTH = 50
_APPLY_LIMIT = 256 << 10
"""Bytes of annotations (kubernetes `TotalAnnotationSizeLimitB`): `kubectl apply` keeps a copy of the document in one."""
_WIDTH = 100


def main(options: Options) -> int:
    """Write the documents of every selected cell."""
    write.check(options.output)
    if set(options.targets) - {TargetName.KUBERNETES}:
        raise UsageError("manifests are what a run in Kubernetes creates; leave --target out")
    shape = Shape(options.workload, options.seccomp_at)
    parts = []
    for cell in wiring.cells(options, [TargetName.KUBERNETES]):
        plan = _plan(cell, shape, options)
        made = documents(plan)
        trouble = list(_trouble(cell, made))
        for line in trouble:
            wiring.tell(safe(f"{cell.profile.name}/{cell.scenario.name}: {line}"))
        parts.append(_text(cell, [*_needs(cell, plan), *trouble], made))
    write.write(options.output, "".join(parts))
    return 0


def _plan(cell: Cell, shape: Shape, options: Options) -> Plan:
    scenario = cell.scenario
    image = options.images.get(scenario.name, scenario.image)
    if registry.parse(image).registry is None:
        raise UsageError(
            f"{scenario.name}: {image} is an archive; a manifest needs an image that nodes can pull"
        )
    name = _name(cell)
    return Plan(
        name=name,
        image=image,
        start=scenario.start,
        shape=shape,
        namespace=options.namespace,
        localhost_profile=_place(cell.profile),
        labels={"app.kubernetes.io/name": scenario.name, "app.kubernetes.io/instance": name},
        keep_volumes=any(probe.restart for probe in scenario.probes),
        grace_seconds=max(1, round(scenario.stop.timeout)),
    )


def _name(cell: Cell) -> str:
    """Scenario, profile and setting, as a DNS label; what is lost on the way is made up for by a hash."""
    _, _, setting = cell.id.partition("+")
    words = "-".join(part for part in (cell.scenario.name, cell.profile.name, setting) if part)
    name = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")
    if name == words and len(name) <= _NAME_LENGTH and name[:1].isalpha():
        return name
    return f"smoke-{name[: _NAME_LENGTH - 16].strip('-')}-{hashlib.sha256(words.encode()).hexdigest()[:8]}"


def _place(profile: NamedProfile) -> str | None:
    """Where the profile is to be on a node: as in the folder that comes along, else where `profile install` puts it."""
    if profile.path is None:
        return None
    path, folder = profile.path.absolute(), bundled("profiles").absolute()
    if path.is_relative_to(folder):
        return f"{_PROFILES}/{path.relative_to(folder).as_posix()}"
    return f"{_PROFILES}/kubernetes/{path.name}"


def _needs(cell: Cell, plan: Plan) -> Iterator[str]:
    if plan.localhost_profile is not None:
        yield f"every node needs {cell.profile.path} as {_NODE_FOLDER}/{plan.localhost_profile}"


def _trouble(cell: Cell, made: Sequence[Document]) -> Iterator[str]:
    """What a cluster may have against it, or makes something else of."""
    if cell.profile.document is not None and (fields := raw_oci.dropped_fields(cell.profile.document)):
        yield (
            f"the node's runtime drops {', '.join(fields)} from this profile, which changes what it means; "
            "profile-smoke profile convert --to oci"
        )
    for found in violations(pod_spec(made[-1])):
        yield f"Pod Security {found.level} refuses it: {found}{_remedy(found.field)}"
    if any(len(json.dumps(each)) > _APPLY_LIMIT for each in made):
        yield "a file in it is too large for what kubectl apply notes of it: use kubectl apply --server-side"


def _remedy(field: str) -> str:
    if field.endswith(".allowPrivilegeEscalation"):
        return "; --privilege-escalation denied"
    if field.endswith((".runAsNonRoot", ".capabilities.drop")):
        return "; comes with a start.user in the scenario that is not root, and --privilege-escalation denied"
    return ""


def _text(cell: Cell, notes: Sequence[str], made: Sequence[Document]) -> str:
    head = [f"# {cell.profile.name}/{cell.scenario.name}"]
    head += [wrap(safe(note), _WIDTH, "# - ", "#   ") for note in notes]
    return "\n".join(head) + "\n" + "".join(f"---\n{_yaml(each)}" for each in made)


def _yaml(document: Document) -> str:
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes texts of several lines as such, and never an alias: kubectl reads them, people do not."""

        def ignore_aliases(self, data: Any) -> bool:
            del data
            return True

    def represent(dumper: yaml.SafeDumper, data: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", data, style="|" if "\n" in data else None)

    Dumper.add_representer(str, represent)
    written: str = yaml.dump(document, Dumper=Dumper, sort_keys=False, width=_WIDTH, allow_unicode=True)
    return written
