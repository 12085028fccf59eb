"""Secrets: used by steps, found nowhere in the record."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlore import Secret, get_step_context, log_artifact_metadata, log_metadata, pipeline, save_artifact, step
from runlore.author.current import use_workspace
from runlore.plan.redaction import Redaction
from runlore.settings import Settings
from runlore.workspace import Workspace

TOKEN = "-".join(["hunter2"] * 2)  # not to be found in the captured code


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """A workspace of its own, in force for the test."""
    opened = Workspace.open(Settings(home=tmp_path / "home", user_folder=tmp_path / "user", progress="quiet"))
    with use_workspace(opened):
        yield opened
    opened.close()


@step
def careless(token: str) -> int:
    print("the token is", token)
    logging.getLogger(__name__).warning("logged %s", token)
    log_metadata({"url": f"https://{token}@example.org", "nested": {"token": token}, "size": len(token)})
    get_step_context().add_output_metadata({"token": token})
    return len(token)


@step
def failing(token: str) -> int:
    raise ValueError(f"cannot log in with {token}")


def recorded(workspace: Workspace) -> bytes:
    """All that is kept; the workspace is closed for it, as nobody but SQLite opens the file of an open database."""
    workspace.close()
    return b"".join(path.read_bytes() for path in workspace.settings.home.rglob("*") if path.is_file())


def test_secrets_stay_out_of_logs_failures_and_metadata(workspace: Workspace) -> None:
    """What a step prints, logs, notes or raises is recorded with ``<secret>`` where a secret was."""

    @pipeline
    def flow(token: Secret[str]) -> None:
        careless(token)
        failing(token)

    with pytest.raises(ValueError, match=TOKEN):
        flow(TOKEN)

    run = flow.last_run
    step = run.steps["careless"]
    assert step.output.load() == len(TOKEN)
    assert step.run_metadata["url"].value == "https://<secret>@example.org"
    assert step.run_metadata["nested"].value == {"token": "<secret>"}
    kept = recorded(workspace)
    assert TOKEN.encode() not in kept
    assert b"the token is <secret>" in kept and b"cannot log in with <secret>" in kept


def test_secrets_stay_out_of_what_is_noted_on_other_versions(workspace: Workspace) -> None:
    """What a step notes at once, on a version that is there or that it saves, is recorded without its secrets."""

    @step
    def careless(token: str) -> int:
        log_artifact_metadata({"by": token}, "data")
        save_artifact(1, "saved", metadata={"by": token}).log_metadata({"again": token})
        return 1

    @pipeline
    def flow(token: Secret[str]) -> None:
        careless(token)

    data = save_artifact(0, "data")
    run = flow(TOKEN)

    assert data.metadata["by"] == "<secret>"
    saved = run.steps["careless"].saved_artifacts["saved"].metadata
    assert saved["by"] == saved["again"] == "<secret>"
    assert TOKEN.encode() not in recorded(workspace)


def test_secrets_in_collections_stay_secret_one_by_one(workspace: Workspace) -> None:
    """What the body takes out of a secret list or dict is as secret as the whole."""

    @pipeline
    def flow(tokens: Secret[list[str]], login: Secret[dict[str, str]]) -> None:
        careless.map(tokens)
        careless(login["password"])

    flow([TOKEN, TOKEN + "!"], {"password": TOKEN + "?"})

    assert TOKEN.encode() not in recorded(workspace)


def test_short_secrets_do_not_hide_other_words() -> None:
    """A secret of a few letters is redacted as a value, not wherever these letters stand in a text."""
    redaction = Redaction()
    redaction.add("ab")
    redaction.add("abcd")
    redaction.add("abcdef")

    assert redaction.is_secret("ab") and not redaction.is_in('"xabx"')
    assert redaction.text("ab abc abcd abcdef") == "ab abc <secret> <secret>"
