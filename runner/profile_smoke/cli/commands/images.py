"""`profile-smoke images prepare`: pull or build ahead of time what the selected scenarios need."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from profile_smoke import rundir
from profile_smoke.cli import wiring
from profile_smoke.errors import SmokeError
from profile_smoke.report.table import standin_name
from profile_smoke.report.text import safe

if TYPE_CHECKING:
    from profile_smoke.cli.options import Options


def main(options: Options) -> int:
    """Prepare every selected scenario's image on every target; a failure does not keep the others from being prepared."""
    failed: SmokeError | None = None
    scenarios = wiring.scenarios(options)
    with rundir.open_run(rundir.new_run_id()) as run:
        targets = wiring.targets(wiring.target_names(options), run, wiring.store())
        for target in targets.values():
            try:
                for scenario in scenarios:
                    chosen = options.images.get(scenario.name)
                    try:
                        image = target.prepare(
                            chosen or scenario.image,
                            None if chosen else scenario.standin,
                            policy="never" if chosen else options.standin.value,
                        )
                    except SmokeError as error:
                        print(f"{scenario.name}@{target.name}: {safe(str(error))}", file=sys.stderr)  # noqa: T201
                        failed = error
                        continue
                    what = f"stand-in: {standin_name(image.info)}" if image.info.standin else image.info.ref
                    print(f"{scenario.name}@{target.name}: {safe(what)} {image.info.digest}")  # noqa: T201
            finally:
                target.finish()
    return failed.exit_code if failed else 0
