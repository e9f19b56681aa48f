"""What `--report prometheus` writes, as the real programs take it: promtool, a node-exporter, a Prometheus with our rules.

They come with Debian's packages prometheus and prometheus-node-exporter; both listen on the loopback alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.unit.report.cells import golden_report

from profile_smoke.model import Effect, Verdict
from profile_smoke.report import write
from profile_smoke.report.interface import Format, render
from profile_smoke.report.text import Style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from profile_smoke.model import RunReport

DOCS = Path(__file__).parents[2] / "docs" / "monitoring"
_PATH = os.pathsep.join([os.environ.get("PATH", ""), f"{sys.prefix}/monitoring/usr/bin"])
"""tools/setup.sh unpacks them there."""
PROGRAMS = {
    name: shutil.which(name, path=_PATH) or ""
    for name in ("promtool", "prometheus", "prometheus-node-exporter")
}
MISSING = [name for name, path in PROGRAMS.items() if not path]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")
_SECONDS = 180.0
"""Far more than a scrape a second needs."""


def promtool(*arguments: str, text: str = "") -> str:
    done = subprocess.run(
        [PROGRAMS["promtool"], *arguments],
        check=False,
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def exposition(report: RunReport) -> str:
    return render(report, Format.PROMETHEUS, Style())


def test_promtool_finds_nothing_wrong_with_the_file() -> None:
    """Neither with a whole result nor with one that holds nothing: names, types, help and labels are as they should be."""
    for report in (golden_report(), replace(golden_report(), cells=(), interrupted=True)):
        assert promtool("check", "metrics", text=exposition(report)) == ""


def test_the_rules_hold_what_the_page_says() -> None:
    """They are valid, and alert when they should and not otherwise."""
    assert "SUCCESS" in promtool("check", "rules", str(DOCS / "alerts.yml"))
    assert "SUCCESS" in promtool("test", "rules", str(DOCS / "alerts.test.yml"))


def expressions() -> list[str]:
    """Those of the dashboard, with its variables as Grafana fills them in."""
    panels = json.loads((DOCS / "dashboard.json").read_text("utf-8"))["panels"]
    return [re.sub(r"\$\w+", ".*", target["expr"]) for panel in panels for target in panel["targets"]]


def test_the_dashboards_queries_are_valid_and_name_what_there_is(tmp_path: Path) -> None:
    """A metric that is not written any more would show as an empty panel."""
    rules = [{"record": f"panel:{number}", "expr": text} for number, text in enumerate(expressions())]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(path))
    written = set(re.findall(r"^# TYPE (\S+)", exposition(golden_report()), re.MULTILINE))
    asked = {
        name
        for text in (*expressions(), (DOCS / "alerts.yml").read_text("utf-8"))
        for name in re.findall(r"\b(?:seccomp|profile_smoke)_\w+", text)
    }
    assert asked <= written


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def running(log: Path, *command: str) -> Iterator[None]:
    with log.open("wb") as file, subprocess.Popen(command, stdout=file, stderr=file) as process:
        try:
            yield
            assert process.poll() is None, log.read_text()
        finally:
            process.terminate()


class Prometheus:
    """One that scrapes a node-exporter that reads `folder`, with our alerting rules."""

    def __init__(self, port: int, folder: Path) -> None:
        self._url, self.folder = f"http://127.0.0.1:{port}/api/v1/", folder

    def put(self, report: RunReport) -> None:
        write.write(str(self.folder / "profile-smoke.prom"), exposition(report))

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(self._url + path, timeout=5) as answer:  # noqa: S310  loopback
            return json.load(answer)["data"]

    def query(self, text: str) -> dict[tuple[str, ...], float]:
        """Values by the labels profile, scenario, target, syscall and effect, as far as there are any."""
        names = ("profile", "scenario", "target", "syscall", "effect")
        return {
            tuple(each["metric"][name] for name in names if name in each["metric"]): float(each["value"][1])
            for each in self._get(f"query?{urllib.parse.urlencode({'query': text})}")["result"]
        }

    def alerts(self) -> set[tuple[str, str]]:
        """Name and syscall or cell of what fires."""
        return {
            (labels["alertname"], labels.get("syscall", labels.get("cell", "")))
            for labels in (
                each["labels"] for each in self._get("alerts")["alerts"] if each["state"] == "firing"
            )
        }

    def wait(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            try:
                if condition():
                    return
            except (urllib.error.URLError, ConnectionError):
                pass  # not there yet
            time.sleep(0.2)
        pytest.fail(f"not within {_SECONDS} s; alerts: {self.alerts()}")


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[Prometheus]:
    folder = tmp_path / "textfiles"
    folder.mkdir()
    exporter, server = free_port(), free_port()
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(DOCS / "alerts.yml")],
        "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [f"127.0.0.1:{exporter}"]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    reads = (
        "--collector.disable-defaults",
        "--collector.textfile",
        f"--collector.textfile.directory={folder}",
    )
    serves = (f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb")
    with (
        running(
            tmp_path / "exporter.log",
            PROGRAMS["prometheus-node-exporter"],
            f"--web.listen-address=127.0.0.1:{exporter}",
            *reads,
        ),
        running(
            tmp_path / "prometheus.log",
            PROGRAMS["prometheus"],
            f"--web.listen-address=127.0.0.1:{server}",
            *serves,
        ),
    ):
        yield Prometheus(server, folder)


def violations(report: RunReport) -> dict[tuple[str, ...], float]:
    """What the JSON says, counted once more in other words."""
    found: dict[tuple[str, ...], float] = {}
    for cell in report.cells:
        for denial in cell.denials:
            key = (cell.profile.name, cell.scenario, cell.target.name, denial.syscall, denial.effect.value)
            found[key] = found.get(key, 0) + (denial.count or 1)
    return found


def test_a_real_prometheus_scrapes_it_and_alerts(prometheus: Prometheus) -> None:
    """Every series has the value of the JSON; what blocks alerts; the next run, with nothing wrong, ends both."""
    report = golden_report()
    prometheus.put(report)
    query = "seccomp_violations_total"
    prometheus.wait(lambda: prometheus.query(query) == violations(report))
    expected = {("SeccompViolation", "fallocate"), ("SeccompViolation", "ftruncate")}
    prometheus.wait(lambda: expected <= prometheus.alerts())
    fired = prometheus.alerts()
    assert {call for name, call in fired if name == "SeccompViolation"} == {"fallocate", "ftruncate"}
    assert prometheus.query("node_textfile_scrape_error") == {(): 0}

    good = tuple(
        cell
        for cell in report.cells
        if not cell.unexpected and cell.verdict in (Verdict.PASSED, Verdict.BLOCKED)
    )
    # It ended just now, as a run that is written does.
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    fixed = replace(report, cells=good, started=started, seconds=0.0)
    prometheus.put(fixed)
    prometheus.wait(lambda: prometheus.query(query) == violations(fixed))
    prometheus.wait(lambda: prometheus.alerts() == set())
    assert any(key[-1] == Effect.TOLERATED for key in prometheus.query(query))


def test_hostile_labels_are_taken_as_they_are_shown(prometheus: Prometheus) -> None:
    """Quotes, backslashes and newlines in a name neither spoil the file nor make another series."""
    report = golden_report()
    [cell] = [each for each in report.cells if each.fix][:1]
    hostile = replace(cell, scenario='x" } 1\nevil{a="\\"} 1', id="hostile")
    prometheus.put(replace(report, cells=(hostile,)))
    prometheus.wait(lambda: bool(prometheus.query("seccomp_violations_total")))
    assert {key[1] for key in prometheus.query("seccomp_violations_total")} == {'x" } 1\\nevil{a="\\"} 1'}
    assert prometheus.query("node_textfile_scrape_error") == {(): 0}
    assert prometheus.query("evil") == {}
