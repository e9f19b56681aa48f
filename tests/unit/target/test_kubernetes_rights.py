"""The rights that a run takes: the documentation's role is the program's own list, and what is missing is named whole."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

import pytest
import yaml
from tests.support.workbench import ROOT

from profile_smoke.target import kubernetes_rights
from profile_smoke.target.kubernetes_errors import ApiError
from profile_smoke.target.kubernetes_plan import Workload

if TYPE_CHECKING:
    from profile_smoke.target.kubernetes_api import Api

ALL = frozenset(
    (verb, resource, part)
    for (_, resource, part), verbs in kubernetes_rights.NEEDED.items()
    for verb in verbs
)


class Rules:
    """An API server that allows everything but what is named, or does not answer."""

    context, namespace = "here", "smoke"

    def __init__(self, *refused: tuple[str, str, str], silent: bool = False) -> None:
        self._refused, self._silent = refused, silent

    def may(self, verb: str, resource: str, group: str = "", subresource: str = "") -> bool:
        assert (group == "apps") is (resource in kubernetes_rights.MAKES.values())
        if self._silent:
            raise ApiError("no answer", 0)
        return (verb, resource, subresource) not in self._refused


def test_what_it_takes_to_use_agents_is_asked_in_their_namespace() -> None:
    """They are reached by port-forward alone."""
    rules = cast("Api", Rules(("create", "pods", "portforward")))
    assert kubernetes_rights.missing_for_agents(rules) == ["create pods/portforward"]


def why(error: ApiError, rules: Rules) -> str:
    return kubernetes_rights.why(error, cast("Api", rules), Workload.POD)


def test_the_documented_roles_are_what_is_asked_for() -> None:
    """Neither more nor less."""
    page = (ROOT / "docs" / "kubernetes.md").read_text("utf-8").partition("## Rights")[2]
    found = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert found is not None
    told = {
        (group, *(*resource.split("/"), "")[:2]): frozenset(rule["verbs"])
        for role in yaml.safe_load_all(found[1])
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }
    assert told == {key: frozenset(verbs) for key, verbs in kubernetes_rights.NEEDED.items()}


def test_one_missing_right_that_ends_everything_is_told_with_all_others() -> None:
    """Who asks for a role asks once."""
    rules = Rules(("list", "nodes", ""), ("get", "pods", "exec"))
    said = why(ApiError("you may not list nodes", 403), rules)
    assert said == "context here, namespace smoke: not allowed: get pods/exec, list nodes"


@pytest.mark.parametrize(
    ("error", "rules"),
    [
        (ApiError("no answer", 0), Rules(*ALL)),
        (ApiError("refused", 403), Rules()),
        (ApiError("refused", 403), Rules(silent=True)),
    ],
    ids=["no answer", "nothing is missing", "the rules cannot be asked"],
)
def test_any_other_error_is_told_as_it_is(error: ApiError, rules: Rules) -> None:
    """A policy may refuse what the rules allow."""
    assert why(error, rules) == str(error)
