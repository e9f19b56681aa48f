"""Which way to the nodes is taken."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from profile_smoke.errors import TargetUnavailableError
from profile_smoke.target.kubernetes_agents import NAMESPACE, AgentAccess, Agents
from profile_smoke.target.kubernetes_api import Api
from profile_smoke.target.kubernetes_errors import ApiError
from profile_smoke.target.kubernetes_kind import KindAccess
from profile_smoke.target.kubernetes_nodes import NoAccess, NodeAccess
from profile_smoke.target.kubernetes_plan import Reach

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from profile_smoke.target.kind_node import KindNode


def choose(
    reach: Reach,
    run_id: str,
    nodes: Collection[str],
    kind_nodes: Mapping[str, KindNode],
    *,
    context: str | None,
    knows: Callable[[str], bool],
) -> NodeAccess:
    """The way to `nodes`, of which `kind_nodes` are containers of this host; to be closed.

    Raises:
        TargetUnavailableError: the way that was asked for is not there.
        InfrastructureError: an agent does not answer.
    """
    elsewhere = sorted(set(nodes) - set(kind_nodes))
    match reach:
        case Reach.KIND:
            if elsewhere:
                raise TargetUnavailableError(
                    f"target kubernetes: --node-access kind: node {elsewhere[0]} is no kind node of this host"
                )
            return KindAccess(run_id, kind_nodes)
        case Reach.AGENT:
            return _by_agents(run_id, context, knows)
        case Reach.AUTO:
            if not elsewhere:
                return KindAccess(run_id, kind_nodes)
            return _by_agents_if_any(run_id, context, knows)
    assert_never(reach)


def _by_agents(run_id: str, context: str | None, knows: Callable[[str], bool]) -> AgentAccess:
    agents = Agents(Api.connect(context, NAMESPACE))
    try:
        return AgentAccess(agents, run_id, knows)
    except BaseException:
        agents.close()
        raise


def _by_agents_if_any(run_id: str, context: str | None, knows: Callable[[str], bool]) -> NodeAccess:
    agents = Agents(Api.connect(context, NAMESPACE))
    try:
        why_not = "" if agents.running() else "no node agent runs on them: profile-smoke agent install"
    except ApiError as error:
        if not error.forbidden:
            raise
        why_not = f"whether node agents run on them we may not know ({error})"
    finally:
        agents.close()
    if why_not:
        return NoAccess(f"the nodes are not kind nodes of this host, and {why_not}")
    return _by_agents(run_id, context, knows)
