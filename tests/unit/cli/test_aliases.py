"""``runlore artifact alias``, and what `show` and `check` say of aliases and registered files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from runlore import register_artifact, save_artifact
from runlore.client import Client

Cli = Callable[..., Result]
Told = Callable[..., Any]


@pytest.fixture(autouse=True)
def versions(home: Path) -> None:
    """Three versions of a model."""
    for number in (1, 2, 3):
        save_artifact(number, "model")


def test_an_alias_is_set_listed_rolled_back_and_removed(cli: Cli, told: Told) -> None:
    """Each form says what it did in one line, and with --json gives the move."""
    assert cli("artifact", "alias", "model", "production", "2").stdout == "model@2 is production.\n"
    assert cli("artifact", "alias", "artifact:model", "production", "latest").stdout == "model@3 is production.\n"
    assert cli("artifact", "alias", "model", "best", "production").stdout == "model@3 is best.\n"
    assert [(row["alias"], row["version"]) for row in told("artifact", "alias", "model")] == [
        ("best", "3"),
        ("production", "3"),
    ]
    rolled = told("artifact", "alias", "model", "production", "--roll-back")
    assert (rolled["alias"], rolled["version"]) == ("production", "2")
    assert rolled["id"] == str(Client().get_artifact_version("model", "2").id)
    removed = cli("artifact", "alias", "model", "production", "--remove")
    assert removed.stdout == "No version of model is production any more.\n"
    history = told("artifact", "alias", "model", "production", "--history")
    assert [row["version"] for row in history] == ["2", "3", "2", None]
    assert [row["alias"] for row in told("artifact", "alias", "model", "best")] == ["best"]


def test_tables_are_for_people(cli: Cli) -> None:
    """Without --json there is a table, or a sentence where there is nothing."""
    assert "No version holds an alias" in cli("artifact", "alias", "model").stderr
    cli("artifact", "alias", "model", "production", "2")
    header, row = cli("artifact", "alias", "model").stdout.splitlines()
    assert header.split() == ["ALIAS", "VERSION", "SINCE"] and row.split()[:2] == ["production", "2"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("model production 9", 1, "no version '9'"),
        ("model 7 1", 1, "all digits"),
        ("model latest 1", 1, "'latest'"),
        ("model prodction", 1, "no alias 'prodction'"),
        ("modle production 1", 1, "Did you mean 'model'"),
        ("model --history", 2, "needs an ALIAS"),
        ("model production 1 --remove", 2, "cannot be combined with a VERSION"),
        ("model production --remove --roll-back", 2, "--roll-back and --remove cannot be combined"),
        ("model production --roll-back", 1, "No version of artifact 'model' was ever called 'production'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(cli: Cli, words: str, code: int, said: str) -> None:
    """A mistake names itself and what there is; nothing was moved."""
    result = cli("artifact", "alias", *words.split())

    assert result.exit_code == code and said in result.stderr and "Traceback" not in result.stderr
    assert dict(Client().get_artifact("model").aliases) == {}


def test_versions_are_shown_and_listed_by_alias(cli: Cli, told: Told) -> None:
    """`show` takes name@alias and tells aliases; lists take an alias as a filter."""
    cli("artifact", "alias", "model", "production", "2")

    shown = told("artifact", "show", "model@production")
    assert (shown["version"], shown["aliases"]) == ("2", ["production"])
    listed = told("artifact", "version", "list", "model", "--filter", "alias=production")
    assert [row["version"] for row in listed] == ["2"]


def test_check_finds_registered_files_that_changed(cli: Cli, told: Told) -> None:
    """`check` hashes what was registered, whatever its times say, and names the file that is not what it was."""
    store = Path(Client().active_stack.artifact_store.path)
    (store / "a.txt").write_text("one")
    (store / "b.txt").write_text("two")
    register_artifact(store / "a.txt", "a")
    register_artifact(store / "b.txt", "b")
    assert cli("check").exit_code == 0

    (store / "a.txt").write_text("ONE")
    (store / "b.txt").unlink()
    result = cli("check")
    assert result.exit_code == 1 and "2 damaged" in result.stderr
    assert "registered-changed" in result.stdout and "'a.txt'" in result.stdout
    assert "blob-missing" not in result.stdout and "registered-missing" in result.stdout
