"""A stand-in for the runner of GitHub Actions: the steps of a composite action, one after the other, with its files.

Of expressions it knows `inputs.X`, `steps.ID.outputs.X`, and one comparison with a text in an `if`. A step that uses another
action is told and left out, as if it had nothing to do.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
_COMPARISON = re.compile(r"(\S+) (==|!=) '([^']*)'")
_SECONDS = 600


@dataclass
class Job:
    """What a job made of an action: the exit code of the step that ended it, its log, outputs, summary, and what it used."""

    code: int = 0
    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    summary: str = ""
    used: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    path: str = ""


class Runner:
    """Runs an action of a checkout in a folder of its own."""

    def __init__(self, checkout: Path, temp: Path, workspace: Path) -> None:
        self._checkout, self._temp, self._workspace = checkout, temp, workspace
        self._document = yaml.safe_load((checkout / "action.yml").read_text("utf-8"))

    def run(self, inputs: Mapping[str, str], environ: Mapping[str, str]) -> Job:
        """Run its steps until one fails. Inputs that are not given have their defaults; unknown ones are a mistake."""
        declared: dict[str, Any] = self._document["inputs"]
        assert set(inputs) <= set(declared)
        values = {name: inputs.get(name, str(each.get("default", ""))) for name, each in declared.items()}
        job, steps = Job(), dict[str, dict[str, str]]()
        for index, step in enumerate(self._document["runs"]["steps"]):
            if "if" in step and not self._holds(step["if"], values, steps):
                continue
            if "uses" in step:
                given = {key: self._filled(str(text), values, steps) for key, text in step["with"].items()}
                job.used.append((step["uses"], given))
                continue
            assert step["shell"] == "bash"
            settings = {key: self._filled(text, values, steps) for key, text in step.get("env", {}).items()}
            outputs = self._step(str(index), step["run"], {**environ, **settings}, job)
            steps[step.get("id", str(index))] = outputs
            if job.code:
                break
        job.outputs = {
            name: self._filled(each["value"], values, steps)
            for name, each in self._document["outputs"].items()
        }
        return job

    def _step(self, name: str, script: str, environ: Mapping[str, str], job: Job) -> dict[str, str]:
        files = {
            key: self._temp / f"{name}-{key.lower()}"
            for key in ("GITHUB_OUTPUT", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
        }
        for file in files.values():
            file.write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            check=False,
            cwd=self._workspace,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            env={
                **os.environ,
                "CI": "true",
                "GITHUB_ACTIONS": "true",
                "GITHUB_ACTION_PATH": str(self._checkout),
                "GITHUB_WORKSPACE": str(self._workspace),
                "RUNNER_TEMP": str(self._temp),
                "RUNNER_OS": "Linux",
                "RUNNER_ARCH": "X64",
                **{key: str(file) for key, file in files.items()},
                **environ,
            },
        )
        job.code = done.returncode
        job.log += done.stdout
        job.summary += files["GITHUB_STEP_SUMMARY"].read_text("utf-8")
        job.path += files["GITHUB_PATH"].read_text("utf-8")
        lines = files["GITHUB_OUTPUT"].read_text("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)

    def _holds(
        self, condition: str, values: Mapping[str, str], steps: Mapping[str, Mapping[str, str]]
    ) -> bool:
        inner = _EXPRESSION.fullmatch(condition)
        match = _COMPARISON.fullmatch(inner[1] if inner else condition)
        assert match is not None, condition
        return (self._value(match[1], values, steps) == match[3]) is (match[2] == "==")

    def _filled(self, text: str, values: Mapping[str, str], steps: Mapping[str, Mapping[str, str]]) -> str:
        return _EXPRESSION.sub(lambda match: self._value(match[1], values, steps), text)

    def _value(self, name: str, values: Mapping[str, str], steps: Mapping[str, Mapping[str, str]]) -> str:
        kind, _, rest = name.partition(".")
        if kind == "inputs":
            return values[rest]
        assert kind == "steps", name
        step, _, output = rest.partition(".outputs.")
        return steps.get(step, {}).get(output, "")
