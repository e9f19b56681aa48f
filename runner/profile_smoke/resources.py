"""Where the files are that come with the program."""

from __future__ import annotations

from pathlib import Path

from profile_smoke.errors import InfrastructureError

_PACKAGE = Path(__file__).resolve().parent


def bundled(kind: str) -> Path:
    """The folder of the `profiles`, `scenarios` or of what to `deploy`, or the file `kind-config.yaml`, that come along.

    In an installed wheel it lies inside the package, in a checkout at the top of the repository.

    Raises:
        InfrastructureError: it is in neither place, so the installation is broken.
    """
    places = (_PACKAGE / "_bundled" / kind, _PACKAGE.parents[1] / kind)
    for place in places:
        if place.exists():
            return place
    raise InfrastructureError(f"the bundled {kind} are missing: neither {places[0]} nor {places[1]} exists")
