"""Picking implementations: catalogs, targets, the store, from what the user asked for."""

from __future__ import annotations

import sys
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeVar, assert_never

from profile_smoke import paths, rundir
from profile_smoke.cli.options import Options, PrivilegeEscalation, TargetName
from profile_smoke.cli.values import nearest
from profile_smoke.errors import BadFileError, TargetUnavailableError, UsageError
from profile_smoke.image.store import Store
from profile_smoke.profile.catalog import Catalog as ProfileCatalog
from profile_smoke.profile.catalog import NamedProfile
from profile_smoke.resources import bundled
from profile_smoke.run.plan import Cell, matrix
from profile_smoke.scenario.catalog import Catalog as ScenarioCatalog
from profile_smoke.scenario.model import Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from profile_smoke.target.interface import Target

_GLOB = frozenset("*?[")
_SETTINGS = {
    PrivilegeEscalation.ALLOWED: (False,),
    PrivilegeEscalation.DENIED: (True,),
    PrivilegeEscalation.BOTH: (False, True),
}
_N = TypeVar("_N", NamedProfile, Scenario)


def profiles(options: Options) -> list[NamedProfile]:
    """The chosen profiles; all, with the target's own default, where none was named."""
    catalog = ProfileCatalog([bundled("profiles"), *options.profiles_dirs])
    if not options.profiles:
        return list(catalog.all())
    return _chosen(options.profiles, catalog.all(), catalog.find, "--profile")


def scenarios(options: Options) -> list[Scenario]:
    """The chosen scenarios; all where none was named."""
    catalog = ScenarioCatalog([bundled("scenarios"), *options.scenarios_dirs])
    if not options.scenarios:
        return list(catalog.all())
    found = _chosen(options.scenarios, catalog.all(), catalog.find, "--scenario")
    if unknown := sorted(
        set(options.images) - {each.name for each in catalog.all()} - {each.name for each in found}
    ):
        raise UsageError(f"--image {unknown[0]}=...: no such scenario")
    return found


def own_profiles(options: Options) -> frozenset[str]:
    """The chosen profiles that no scenario speaks of, where the user chose scenarios for them: those must pass there."""
    if not (options.profiles and options.scenarios):
        return frozenset()
    every = (*ScenarioCatalog([bundled("scenarios"), *options.scenarios_dirs]).all(), *scenarios(options))
    spoken_of = {name for scenario in every for name in scenario.profiles}
    return frozenset(profile.name for profile in profiles(options)) - spoken_of


def cells(options: Options, names: Sequence[str]) -> list[Cell]:
    """The selected matrix on these targets. Raises as `matrix`, and BadFileError for an expectation of what there is not."""
    chosen, workloads = profiles(options), scenarios(options)
    _check_expectations(options, chosen, workloads)
    return matrix(
        chosen,
        workloads,
        [str(name) for name in names],
        own=own_profiles(options),
        no_new_privileges=_settings(options),
        expectations=options.expect,
        only=options.only,
        shard=(options.shard.index, options.shard.count) if options.shard else None,
    )


def _check_expectations(
    options: Options, profiles: Sequence[NamedProfile], scenarios: Sequence[Scenario]
) -> None:
    """An expectation of a profile or scenario that does not exist would be one of nothing, without a word."""
    if not options.expect:
        return
    catalog = ProfileCatalog([bundled("profiles"), *options.profiles_dirs])
    every = ScenarioCatalog([bundled("scenarios"), *options.scenarios_dirs]).all()
    known = (
        {*catalog.names, *(each.name for each in profiles)},
        {each.name for each in (*every, *scenarios)},
    )
    for each in options.expect:
        parts = each.pattern.partition("@")[0].split("/")
        for part, kind, names in zip(parts, ("profile", "scenario"), known, strict=True):
            if not any(fnmatchcase(name, part) for name in names):
                raise BadFileError(
                    each.place, f"expect.{each.pattern}", f"no {kind} {part!r}{nearest(part, names)}"
                )


def _settings(options: Options) -> tuple[bool, ...]:
    """What no_new_privs is set to; empty: as the scenario says. An id with a setting needs no option to be found."""
    if options.privilege_escalation:
        return _SETTINGS[options.privilege_escalation]
    return (False, True) if any("+" in pattern for pattern in options.only) else ()


def _chosen(patterns: Sequence[str], every: Sequence[_N], find: Callable[[str], _N], option: str) -> list[_N]:
    """What names, paths and globs select, in their order; each once."""
    found: dict[str, _N] = {}
    for pattern in patterns:
        if _GLOB & set(pattern) and not paths.exists(pattern):
            matching = [each for each in every if fnmatchcase(each.name, pattern)]
            if not matching:
                raise UsageError(f"{option} {pattern}: matches nothing")
        else:
            matching = [find(pattern)]
        for each in matching:
            if found.setdefault(each.name, each) != each:
                raise UsageError(
                    f'{option} {pattern}: another file is already named "{each.name}"; rename one'
                )
    return list(found.values())


def store() -> Store:
    """The images of this machine; what takes seconds is told on stderr."""
    return Store(rundir.home(), tell)


def tell(line: str) -> None:
    """A line on stderr about what takes seconds."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201  the command line's own voice


def target_names(options: Options) -> tuple[TargetName, ...]:
    """The chosen targets; without a choice docker where an engine that is new enough answers, else oci."""
    if options.targets:
        return options.targets
    from profile_smoke.target.docker import LISTENERS_SINCE, connect, engine_major

    try:
        client = connect()
    except TargetUnavailableError:
        return (TargetName.OCI,)
    try:
        return (TargetName.DOCKER,) if engine_major(client) >= LISTENERS_SINCE else (TargetName.OCI,)
    finally:
        client.close()


def targets(
    options: Options, names: Sequence[TargetName], run: rundir.RunDir, images: Store
) -> Mapping[str, Target]:
    """The targets of these names, each known to work here. Raises TargetUnavailableError."""
    found = {name.value: target(options, name, run, images) for name in names}
    for each in found.values():
        each.check()
    return found


def jobs(options: Options, found: Iterable[Target]) -> int:
    """How many launches at a time: what was asked for, else what suits every target."""
    return options.jobs or min(each.jobs() for each in found)


def target(options: Options, name: TargetName, run: rundir.RunDir, images: Store) -> Target:
    """The target of this name, not yet known to work here."""
    match name:
        case TargetName.OCI:
            from profile_smoke.target.oci import OciTarget

            return OciTarget(run, images)
        case TargetName.DOCKER:
            from profile_smoke.target.docker import DockerTarget

            return DockerTarget(run, images)
        case TargetName.KUBERNETES:
            from profile_smoke.target.kubernetes import KubernetesTarget
            from profile_smoke.target.kubernetes_plan import Shape

            shape = Shape(options.workload, options.seccomp_at)
            return KubernetesTarget(
                run,
                images,
                context=options.context,
                namespace=options.namespace,
                shape=shape,
                reach=options.node_access,
            )
    assert_never(name)
