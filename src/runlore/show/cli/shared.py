"""What several commands share: the client, the options of listings, and asking before something is destroyed."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from runlore.errors import NotFound
from runlore.model.article import with_article
from runlore.recall.client import Client
from runlore.recall.run import Run
from runlore.recall.step import Step
from runlore.recall.task import Task
from runlore.workspace import default_workspace

_FILTER = re.compile(r"([\w.]+)\s*(>=|<=|!=|==|=|>|<)\s*(.*)\Z", re.DOTALL)

Command = TypeVar("Command", bound=Callable[..., Any])

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
where_option = click.option(
    "--where",
    multiple=True,
    metavar="FILTER",
    help="Such as 'status = failed and created > -7d'; repeat for several that must all hold.",
)
yes_option = click.option("--yes", "-y", is_flag=True, help="Do not ask.")


def listing_options(command: Command) -> Command:
    """``--where``, ``--filter``, ``--tag``, ``--sort``, ``--limit`` and ``--json``."""
    options = (
        json_option,
        click.option("--limit", type=click.IntRange(min=0), default=50, show_default=True, help="How many; 0 is all."),
        click.option(
            "--sort", "--sort-by", "sort_by", metavar="asc|desc:FIELD", help="Order, such as desc:metrics.loss."
        ),
        click.option("--tag", "tags", multiple=True, help="Only with this tag; repeat for several."),
        click.option(
            "--filter", "filters", multiple=True, metavar="FIELD=[OP:]VALUE", help="Such as created=gte:2026-11-01."
        ),
        where_option,
    )
    for option in options:
        command = option(command)
    return command


def given_filters(
    filters: tuple[str, ...], tags: tuple[str, ...], sort_by: str | None, where: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Arguments for the client's lists."""
    given: dict[str, Any] = {}
    for text in filters:
        found = _FILTER.match(text)
        if found is None:
            raise click.BadParameter(f"{text!r} is not of the form FIELD=VALUE, FIELD=OPERATOR:VALUE or FIELD>=VALUE.")
        name, sign, value = found.groups()
        value = value if sign == "=" else sign + value
        given.setdefault(name, []).append(value)
    for name, values in given.items():
        if len(values) == 1 and name not in ("run_metadata", "metadata", "parameters"):
            given[name] = values[0]
    if tags:
        given["tags"] = list(tags)
    if where:
        given["where"] = list(where)
    if sort_by is not None:
        given["sort_by"] = sort_by
    return given


def client() -> Client:
    """Recall over the workspace and through the namespace that options, settings and folder choose."""
    return Client(default_workspace())


def limited(listing: Any, limit: int) -> tuple[list[Any], int]:
    """The first ``limit`` handles, and how many more there are."""
    handles = listing[:limit] if limit else list(listing)
    more = len(listing) - len(handles) if limit and len(handles) == limit else 0
    return handles, more


def find_run(reference: str) -> Run:
    """The run that a reference or pathspec names."""
    found = client().get(reference)
    if isinstance(found, Run):
        return found
    raise NotFound(
        f"{reference!r} names {named(found)}, not a run. Runs are written like training/12 or training/latest."
    )


def find_step(reference: str) -> Step | Task:
    """The step or task that a pathspec names."""
    found = client().get(reference)
    if isinstance(found, (Step, Task)):
        return found
    raise NotFound(
        f"{reference!r} names {named(found)}, not a step. "
        f"Steps are written like training/12/train or training/latest/train."
    )


def named(found: object) -> str:
    """What kind of thing a handle is, in words: ``a pipeline``, ``an artifact version``."""
    words = {"ArtifactVersion": "artifact version"}
    name = type(found).__name__
    return with_article(words.get(name, name.lower()))


def confirm(question: str, yes: bool) -> None:
    """Ask; go on only with a yes. Without a terminal nobody can answer, so that is refused."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException(f"{question} There is no terminal to answer on; say --yes to go on.")
    click.confirm(question, abort=True)
