"""The scenarios that can be meant by a name: those in folders of scenarios, and any path."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from profile_smoke import paths
from profile_smoke.errors import UsageError
from profile_smoke.scenario.document import FILE_NAME, load, scenario_file
from profile_smoke.scenario.values import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profile_smoke.scenario.model import Scenario


class Catalog:
    """Scenarios from folders that each hold `<name>/scenario.yaml`.

    Args:
        folders: the folders to look in. One that does not exist is an error, an empty one is not.
    """

    def __init__(self, folders: Sequence[Path | str]) -> None:
        self._folders = tuple(Path(folder) for folder in folders)

    def all(self) -> tuple[Scenario, ...]:
        """All of them, by name. Raises BadFileError for a broken one, UsageError where two carry one name."""
        return tuple(self._by_name.values())

    def find(self, name_or_path: str) -> Scenario:
        """The scenario of this name, or at this path: anything with a `/`, or that ends in `.yaml` or `.yml`.

        Raises UsageError, with the nearest name, where there is none.
        """
        if "/" in name_or_path or name_or_path.endswith((".yaml", ".yml")) or name_or_path in (".", ".."):
            return load(name_or_path)
        found = self._by_name.get(name_or_path)
        if found is not None:
            return found
        if paths.is_file(scenario_file(Path(name_or_path))):
            raise UsageError(f'no scenario is named "{name_or_path}"; for the path, write ./{name_or_path}')
        hint = nearest(name_or_path, self._by_name) or "there are no scenarios in the folders searched"
        raise UsageError(f'no scenario is named "{name_or_path}"; {hint}')

    @cached_property
    def _by_name(self) -> dict[str, Scenario]:
        found: dict[str, Scenario] = {}
        for file in self._files():
            scenario = load(file)
            other = found.get(scenario.name)
            if other is not None:
                raise UsageError(
                    f'two scenarios are named "{scenario.name}": {other.path} and {scenario.path}'
                )
            found[scenario.name] = scenario
        return dict(sorted(found.items()))

    def _files(self) -> list[Path]:
        files = []
        for folder in self._folders:
            if not paths.is_dir(folder):
                raise UsageError(f"{folder}: is no folder of scenarios")
            _, inside, _ = next(paths.walk(folder))
            files += [file for name in sorted(inside) if paths.is_file(file := folder / name / FILE_NAME)]
        return files
