"""`profile-smoke agent`: the node agent in a cluster."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, assert_never

from profile_smoke import __version__, rundir
from profile_smoke.cli import wiring
from profile_smoke.cli.agent_options import AgentAction
from profile_smoke.cli.exit_code import AS_EXPECTED
from profile_smoke.errors import InfrastructureError
from profile_smoke.image.program import recipe_with_program
from profile_smoke.report.interface import STDOUT
from profile_smoke.report.text import counted, safe
from profile_smoke.report.write import write
from profile_smoke.resources import bundled
from profile_smoke.target.kubernetes import KubernetesTarget
from profile_smoke.target.kubernetes_agents import NAMESPACE, Agents
from profile_smoke.target.kubernetes_api import Api
from profile_smoke.target.kubernetes_deploy import IMAGE, AgentState, Deployment, manifests

if TYPE_CHECKING:
    from profile_smoke.cli.agent_options import AgentOptions
    from profile_smoke.cli.options import Options
    from profile_smoke.image.interface import PreparedImage

_MANIFEST, _RECIPE = "agent.yaml", "standin.yaml"


def main(options: Options) -> int:
    """Install it, look at it or remove it. `status` ends with 4 where there is none, or one does not answer."""
    chosen = options.agent
    assert chosen is not None  # noqa: S101  the parser of this command fills it in
    with ExitStack() as stack:
        agents = Agents(Api.connect(chosen.context, NAMESPACE))
        stack.callback(agents.close)
        deployment = Deployment(agents)
        match chosen.action:
            case AgentAction.INSTALL:
                image = _image(options, chosen)
                ref = image.engine_ref or image.info.ref
                deployment.apply(manifests(bundled("deploy") / "agent" / _MANIFEST, ref))
                deployment.wait(chosen.wait)
                standin = " (a stand-in, built from distribution packages)" if image.info.standin else ""
                _say(f"the node agent runs {ref}{standin}")
                return _status(deployment)
            case AgentAction.STATUS:
                return _status(deployment)
            case AgentAction.REMOVE:
                _say(f"the node agent is {'removed' if deployment.remove(chosen.wait) else 'not there'}")
                return AS_EXPECTED
        assert_never(chosen.action)


def _image(options: Options, chosen: AgentOptions) -> PreparedImage:
    """Make it known to the nodes, as a scenario's image is: in kind nodes where it is not there, else they pull."""
    with ExitStack() as stack:
        run = stack.enter_context(rundir.open_run(rundir.new_run_id()))
        target = KubernetesTarget(run, wiring.store(), context=chosen.context)
        stack.callback(target.finish)
        target.check()
        if chosen.image is not None:
            return target.prepare(chosen.image, None, policy="never")
        recipe = stack.enter_context(recipe_with_program(bundled("deploy") / "agent" / _RECIPE))
        return target.prepare(IMAGE, recipe, policy=options.standin.value)


def _status(deployment: Deployment) -> int:
    states = deployment.states()
    if not states:
        raise InfrastructureError(
            "there is no node agent in this cluster; install it with: profile-smoke agent install"
        )
    _say(f"{counted(len(states), 'agent')}:")
    for state in states:
        _say(_line(state))
    return InfrastructureError.exit_code if any(state.trouble for state in states) else AS_EXPECTED


def _line(state: AgentState) -> str:
    if state.trouble:
        return safe(f"  {state.node or '(no node yet)'}: NOT READY: {state.trouble}")
    other = "" if state.version == __version__ else f" (this is {__version__})"
    reads = f"reads no filters: {state.filters_why_not}" if state.filters_why_not else "reads filters"
    return safe(f"  {state.node}: profile-smoke {state.version}{other}, {reads}")


def _say(line: str) -> None:
    write(STDOUT, f"{line}\n")
