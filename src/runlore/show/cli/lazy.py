"""Lazy groups: a command's module is imported when the command is used, so that ``--help`` stays instant."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

from runlore.errors import RunloreError
from runlore.model.suggest import did_you_mean

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

#: What shells know a program by that Ctrl-C ended.
CANCELLED = 130


class LazyGroup(click.Group):
    """A group whose commands are given as name → (``module:attribute``, one line of help)."""

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(_imported(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            hint = did_you_mean(name, self.list_commands(ctx), limit=20)
            raise click.UsageError(f"{ctx.command_path!r} has no command {name!r}.{hint}", ctx)
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Commands that begin so, none of which is imported for it, and options."""
        from click.shell_completion import CompletionItem  # only where something is completed

        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        names = self.list_commands(ctx)
        helps = {name: summary for name, (_, summary) in self._lazy.items()}
        return [CompletionItem(name, help=helps.get(name)) for name in names if name.startswith(incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, summary) for name, (_, summary) in self._lazy.items()]
        for name in super().list_commands(ctx):
            command = super().get_command(ctx, name)
            if command is not None:
                rows.append((name, command.get_short_help_str(60)))
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def _imported(module: str) -> ModuleType:
    # importing makes many objects and no garbage: looking for some meanwhile takes a tenth of a listing's time
    collecting = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(module)
    finally:
        if collecting:
            gc.enable()


class RootGroup(LazyGroup):
    """The outermost group: what runlore raises becomes one line and exit code 1, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except RunloreError as error:
            from runlore.show.cli.failure import with_notes  # only needed when something went wrong

            raise click.ClickException(with_notes(error)) from error
        except KeyboardInterrupt:
            click.echo("Cancelled.", err=True)
            raise click.exceptions.Exit(CANCELLED) from None
        except BrokenPipeError:
            raise
        except OSError as error:
            raise click.ClickException(" ".join(str(error).split())) from error
