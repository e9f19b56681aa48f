"""`profile-smoke images prepare`: pull or build ahead of time what the selected scenarios need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from profile_smoke import rundir
from profile_smoke.cli import wiring
from profile_smoke.errors import SmokeError
from profile_smoke.interrupts import admitted
from profile_smoke.report.brief import standin_name
from profile_smoke.report.text import safe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.cli.options import Options
    from profile_smoke.scenario.model import Scenario
    from profile_smoke.target.interface import Target


def main(options: Options) -> int:
    """Prepare every selected scenario's image on every target; a failure does not keep the others from being prepared."""
    scenarios = wiring.scenarios(options)
    if options.into_store:
        return _into_store(scenarios, options)
    failed: SmokeError | None = None
    with rundir.open_run(rundir.new_run_id()) as run:
        with admitted():
            targets = wiring.targets(options, wiring.target_names(options), run, wiring.store())
        for target in targets.values():
            try:
                with admitted():
                    errors = [error for each in scenarios if (error := _prepare(target, each, options))]
            finally:
                target.finish()
            failed = errors[-1] if errors else failed
    return failed.exit_code if failed else 0


def _into_store(scenarios: Sequence[Scenario], options: Options) -> int:
    """Pull the pinned images of these scenarios into the store, and tell of each; what is there already is not asked for."""
    failed: SmokeError | None = None
    store = wiring.store()
    refs = [options.images.get(each.name, each.image) for each in scenarios]
    for ref in dict.fromkeys(ref for ref in refs if "@sha256:" in ref):
        try:
            with admitted():
                image = store.obtain(ref, None, policy="never")
        except SmokeError as error:
            print(f"{safe(ref)}: {safe(str(error))}", file=sys.stderr)  # noqa: T201
            failed = error
        else:
            print(f"{safe(ref)} {image.info.digest}")  # noqa: T201
    return failed.exit_code if failed else 0


def _prepare(target: Target, scenario: Scenario, options: Options) -> SmokeError | None:
    """Prepare one image and tell what came of it; the error if none did."""
    chosen = options.images.get(scenario.name)
    try:
        image = target.prepare(
            chosen or scenario.image,
            None if chosen else scenario.standin,
            policy="never" if chosen else options.standin.value,
        )
    except SmokeError as error:
        print(f"{scenario.name}@{target.name}: {safe(str(error))}", file=sys.stderr)  # noqa: T201
        return error
    what = f"stand-in: {standin_name(image.info)}" if image.info.standin else image.info.ref
    print(f"{scenario.name}@{target.name}: {safe(what)} {image.info.digest}")  # noqa: T201
    return None
