"""Which targets this machine has, and a browser, and what a test does about one that is missing.

`PROFILE_SMOKE_REQUIRE=oci,docker,kubernetes` names what must be there: a test that needs one of them then fails where it
would be skipped, so that a machine that is meant to have them never passes by skipping. The cluster is the one of the
kubeconfig's current context, or of that which `PROFILE_SMOKE_CONTEXT` names.
"""

from __future__ import annotations

import gc
import os
import shutil
import warnings
from functools import cache

from tests.support import chromium

TARGETS = ("oci", "docker", "kubernetes")
NEEDS = (*TARGETS, "browser")
"""What a test can need, and say so by its mark."""
VARIABLE = "PROFILE_SMOKE_REQUIRE"
_OCI_TOOLS = ("runc", "skopeo", "umoci", "mmdebstrap")


def required(text: str) -> frozenset[str]:
    """What the variable's value names. Raises ValueError for what there is not."""
    names = frozenset(name.strip() for name in text.split(",")) - {""}
    if unknown := sorted(names - set(NEEDS)):
        raise ValueError(f"{VARIABLE}: there is no target {unknown[0]!r}; it names {', '.join(NEEDS)}")
    return names


@cache
def missing(need: str) -> str:
    """Why this cannot be used here, in a few words; empty when it can."""
    return {"oci": _oci, "docker": _docker, "kubernetes": _kubernetes, "browser": chromium.missing}[need]()


def _oci() -> str:
    if os.geteuid() != 0:
        return "target oci: not root"
    absent = [tool for tool in _OCI_TOOLS if shutil.which(tool) is None]
    return f"target oci: not installed: {', '.join(absent)}" if absent else ""


def _docker() -> str:
    from profile_smoke.errors import SmokeError
    from profile_smoke.target.docker import LISTENERS_SINCE, connect, engine_major

    with warnings.catch_warnings():
        # The docker SDK leaves the socket of a refused connection to the garbage collector (docker/transport/unixconn.py).
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = connect()
            try:
                major = engine_major(client)
            finally:
                client.close()
        except SmokeError as error:
            reason = str(error)
        else:
            old = f"target docker: engine {major} is older than {LISTENERS_SINCE}"
            reason = "" if major >= LISTENERS_SINCE else old
        gc.collect()
    return reason


def context() -> str | None:
    """The context that tests use; None: the current one."""
    return os.environ.get("PROFILE_SMOKE_CONTEXT") or None


def _kubernetes() -> str:
    """Kind nodes of this host are what most tests are about, and all of them need the profile on the node."""
    from profile_smoke import rundir
    from profile_smoke.errors import SmokeError
    from profile_smoke.image.store import Store
    from profile_smoke.target.kubernetes import KubernetesTarget

    run = rundir.RunDir("19700101-000000-000000", rundir.home())
    target = KubernetesTarget(run, Store(rundir.home(), lambda _line: None), context=context())
    try:
        target.check()
        reason = target.access.observe_why_not
    except SmokeError as error:
        reason = str(error)
    finally:
        target.finish()
    return reason
