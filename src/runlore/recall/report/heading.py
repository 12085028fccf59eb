"""Heading: what was run, where it stands, when, where and by whom, and from what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runlore.errors import RunloreError
from runlore.model.metadata import Owner, OwnerKind
from runlore.model.status import Status
from runlore.model.units import shown_seconds
from runlore.recall.decoding import decode
from runlore.recall.html.markup import Html, cut, joined, tag
from runlore.recall.html.run import lasted
from runlore.recall.html.status import badge
from runlore.recall.html.value import shown, when
from runlore.recall.report.account import Account

_NAME, _LINE = 255, 400


def heading(account: Account, contents: Mapping[str, str]) -> Html:
    """The beginning of the page; ``contents`` are the titles of its sections by their ids."""
    run = account.run
    state = [badge(run.status)]
    seconds = shown_seconds(lasted(run))
    if seconds is not None:
        state.append(tag("span", f" {'for' if run.status is Status.RUNNING else 'in'} {seconds}"))
    return tag(
        "header",
        tag("h1", account.pathspec),
        tag("p", *state, class_="state"),
        *(tag("p", line) for line in _lines(account)),
        tag("nav", *(tag("a", title, href=f"#{id}") for id, title in contents.items()), aria_label="Contents"),
    )


def _lines(account: Account) -> Iterator[Html]:
    run = account.run
    steps = f"{len(account.steps):,} {'step' if len(account.steps) == 1 else 'steps'}"
    yield joined([cut(run.name, _NAME), f" · version {run.pipeline_version} of the pipeline · {steps}"])
    by = "@".join(cut(part, 80) for part in (run.user, run.host) if part)
    yield joined([when(run.created), f" – {when(run.ended)}" if run.ended else None, f" · {by}" if by else None])
    yield from (tag("span", line) for line in _origins(account))
    owner = Owner(kind=OwnerKind.RUN, seq=run.seq)
    tags = [one.name for one in account.record.tags(owner) if not one.system]
    if tags:
        yield joined(["Tags: ", cut(", ".join(tags), _LINE)])


def _origins(account: Account) -> Iterator[str]:
    run = account.run
    if run.origin is not None:
        try:
            origin = account.reader.lookup.run(str(run.origin))
            yield f"Resumes {origin.pipeline}/{origin.number}"
        except RunloreError:
            yield f"Resumes run {run.origin}, which was deleted"
    trigger = account.handle.trigger
    if trigger is not None:
        yield f"Started by {cut(str(trigger), 200)}"
    git = _git(account)
    if git:
        yield git


def _git(account: Account) -> str | None:
    commit = account.run.git_commit
    if commit is None:
        return None
    options: Any = decode(account.run.config)
    said = options.get("git") if isinstance(options, dict) else None
    told = said if isinstance(said, dict) else {}
    branch = f" on {shown(told['branch'], 80)}" if told.get("branch") else ""
    return (
        f"Git commit {cut(commit, 12)}{branch}{', with changes that were not committed' if told.get('dirty') else ''}"
    )
