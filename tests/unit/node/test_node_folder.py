"""A node's seccomp folder: nothing is lost, nothing is half done, nothing is undone twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.support.node_folder import EDIT, NEW, OLD, changes, held, sources

from profile_smoke.errors import BadFileError, UsageError
from profile_smoke.node.folder import State, check, install, rollback


def test_files_are_put_there_and_found_again(tmp_path: Path) -> None:
    """In a folder that need not exist; readable by all, and with a record."""
    folder = tmp_path / "deep" / "down"
    assert install(folder, sources(OLD), force=False) == {
        "a.json": State.INSTALLED,
        "b.json": State.INSTALLED,
    }
    assert held(folder) == {"a.json": OLD, "b.json": OLD}
    assert (folder / "a.json").stat().st_mode & 0o777 == 0o644
    assert set(check(folder, {}).values()) == {State.AS_INSTALLED}
    record = json.loads((folder / ".profile-smoke" / "manifest.json").read_text())
    assert record["files"]["a.json"]["source"] == "/from/a.json"


def test_again_is_unchanged_and_another_version_replaces(tmp_path: Path) -> None:
    """What was put there may be replaced unasked."""
    install(tmp_path, sources(OLD), force=False)
    assert set(install(tmp_path, sources(OLD), force=False).values()) == {State.UNCHANGED}
    assert set(install(tmp_path, sources(NEW), force=False).values()) == {State.REPLACED}
    assert held(tmp_path) == {"a.json": NEW, "b.json": NEW}


@pytest.mark.parametrize("installed", [True, False])
def test_an_edit_is_never_replaced_unasked(tmp_path: Path, installed: bool) -> None:  # noqa: FBT001
    """Nor a file of somebody else; then none of the others is changed either."""
    if installed:
        install(tmp_path, sources(OLD), force=False)
    (tmp_path / "b.json").write_bytes(EDIT)
    before = held(tmp_path)
    why = (
        "edited since it was installed" if installed else "there already, and not put there by profile-smoke"
    )
    with pytest.raises(UsageError, match=f"b.json: {why}; nothing was changed, --force replaces"):
        install(tmp_path, sources(NEW), force=False)
    assert held(tmp_path) == before
    assert install(tmp_path, sources(NEW), force=True)["b.json"] is State.OVERWRITTEN
    rollback(tmp_path, force=False)
    assert held(tmp_path) == before


def test_the_same_content_of_somebody_else_is_adopted(tmp_path: Path) -> None:
    """There is nothing to lose, and undoing leaves it where it was."""
    (tmp_path / "a.json").write_bytes(OLD)
    assert install(tmp_path, sources(OLD, "a.json"), force=False) == {"a.json": State.UNCHANGED}
    assert check(tmp_path, {}) == {"a.json": State.AS_INSTALLED}
    rollback(tmp_path, force=False)
    assert held(tmp_path) == {"a.json": OLD}
    assert check(tmp_path, {}) == {}


def test_drift_is_told_by_its_kind(tmp_path: Path) -> None:
    """Missing, edited, an earlier version, another source, never installed."""
    names = ("a", "b", "c", "d", "e")
    install(tmp_path, sources(OLD, *names), force=False)
    install(tmp_path, sources(NEW, *names), force=False)
    (tmp_path / "a").unlink()
    (tmp_path / "b").write_bytes(EDIT)
    (tmp_path / "c").write_bytes(OLD)
    found = check(tmp_path, {})
    assert found == {
        "a": State.MISSING,
        "b": State.EDITED,
        "c": State.OLDER,
        "d": State.AS_INSTALLED,
        "e": State.AS_INSTALLED,
    }
    assert [state.drift for state in found.values()] == [True, True, True, False, False]
    assert check(tmp_path, {**sources(EDIT, "d"), **sources(NEW, "e", "f")}) == {
        "d": State.OUTDATED,
        "e": State.AS_INSTALLED,
        "f": State.NOT_INSTALLED,
    }


def test_installs_are_undone_one_by_one(tmp_path: Path) -> None:
    """The last first, until there is none."""
    install(tmp_path, sources(OLD, "a.json"), force=False)
    install(tmp_path, sources(NEW), force=False)
    assert rollback(tmp_path, force=False) == {"a.json": State.RESTORED, "b.json": State.REMOVED}
    assert held(tmp_path) == {"a.json": OLD}
    assert check(tmp_path, {}) == {"a.json": State.AS_INSTALLED}
    assert rollback(tmp_path, force=False) == {"a.json": State.REMOVED}
    with pytest.raises(UsageError, match="there is no install to undo"):
        rollback(tmp_path, force=False)


def test_undoing_does_not_lose_an_edit(tmp_path: Path) -> None:
    """Unless asked."""
    install(tmp_path, sources(OLD), force=False)
    (tmp_path / "a.json").write_bytes(EDIT)
    with pytest.raises(UsageError, match=r"a\.json: edited since it was installed; --force"):
        rollback(tmp_path, force=False)
    assert held(tmp_path) == {"a.json": EDIT, "b.json": OLD}
    rollback(tmp_path, force=True)
    assert held(tmp_path) == {}


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    """A link may lead anywhere, and a folder is somebody's."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(EDIT)
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.json").symlink_to(elsewhere)
    (folder / "b.json").mkdir()
    for name, what in (("a.json", "a link"), ("b.json", "no regular file")):
        with pytest.raises(UsageError, match=f"{name}: {what}; remove it first"):
            install(folder, sources(NEW, name), force=True)
    assert elsewhere.read_bytes() == EDIT


@pytest.mark.parametrize(
    "action", [lambda folder: check(folder, {}), lambda folder: rollback(folder, force=False)]
)
def test_a_folder_where_nothing_was_installed(tmp_path: Path, action: object) -> None:
    """It is not made, and nothing is put into it."""
    assert callable(action)
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match="nothing was installed here by profile-smoke"):
            action(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "profile-smoke/installed/v2", "files": {}, "history": []}',
        '{"schema": "profile-smoke/installed/v1", "files": {"../x": {"sha256": "%s", "source": ""}}, "history": []}'
        % ("0" * 64),
        '{"schema": "profile-smoke/installed/v1", "files": {"x": {"sha256": "../x", "source": ""}}, "history": []}',
        '{"schema": "profile-smoke/installed/v1", "files": {}, "history": [{"x": {"before": 1}}]}',
        "[" * 5000,
    ],
)
def test_a_record_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    """One line that names it; nothing is changed on its account, and no path leads out of the folder."""
    install(tmp_path, sources(OLD), force=False)
    record = tmp_path / ".profile-smoke" / "manifest.json"
    record.write_text(text)
    for change in changes(tmp_path, force=True):
        with pytest.raises(BadFileError) as caught:
            change()
        assert str(caught.value).startswith(str(record))
        assert "\n" not in str(caught.value)
    assert held(tmp_path) == {"a.json": OLD, "b.json": OLD}


def test_a_kept_content_that_was_tampered_with_is_not_put_back(tmp_path: Path) -> None:
    """It would be installed as if it were the old one."""
    install(tmp_path, sources(OLD), force=False)
    install(tmp_path, sources(NEW), force=False)
    for path in (tmp_path / ".profile-smoke" / "contents").iterdir():
        path.write_bytes(EDIT)
    with pytest.raises(BadFileError, match="not what was kept here"):
        rollback(tmp_path, force=False)
    assert held(tmp_path) == {"a.json": NEW, "b.json": NEW}


def test_history_is_bounded(tmp_path: Path) -> None:
    """And so are the contents that are kept for it."""
    for number in range(25):
        install(tmp_path, sources(str(number).encode(), "a.json"), force=False)
    assert len(list((tmp_path / ".profile-smoke" / "contents").iterdir())) == 11


class Folder(RuleBasedStateMachine):
    """Against a model: what each install and undo leaves, with edits between them that are always refused first."""

    names = st.sets(st.sampled_from(("a", "b", "c")), min_size=1)
    contents = st.sampled_from((OLD, NEW, b"third"))

    @initialize()
    def begin(self) -> None:
        import tempfile

        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name)
        self.stack: list[dict[str, bytes]] = []
        self.now: dict[str, bytes] = {}

    def teardown(self) -> None:
        self._temporary.cleanup()

    @rule(names=names, content=contents)
    def install(self, names: set[str], content: bytes) -> None:
        states = install(self.folder, sources(content, *sorted(names)), force=False)
        if any(state is not State.UNCHANGED for state in states.values()):
            self.stack.append(dict(self.now))
        self.now.update(dict.fromkeys(names, content))

    @rule()
    def undo(self) -> None:
        if self.stack[-10:] and len(self.stack) <= 10:
            rollback(self.folder, force=False)
            self.now = self.stack.pop()

    @rule(name=st.sampled_from(("a", "b", "c")))
    def edit(self, name: str) -> None:
        path = self.folder / name
        if name not in self.now:
            return
        path.write_bytes(EDIT)
        with pytest.raises(UsageError, match="edited since"):
            install(self.folder, sources(OLD, name), force=False)
        path.write_bytes(self.now[name])

    @invariant()
    def holds_what_it_should(self) -> None:
        assert held(self.folder) == self.now


Folder.TestCase.settings = settings(max_examples=30, stateful_step_count=12)
TestFolder = Folder.TestCase
