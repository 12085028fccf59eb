"""What a prune did, or would do, in a sentence."""

from __future__ import annotations

import click

from runlore.model.counted import counted
from runlore.model.pruning import Pruned
from runlore.model.units import shown_size


def print_pruned(pruned: Pruned) -> None:
    """Say on stderr how much went, and what stays until the next prune."""
    click.echo(sentence(pruned), err=True)
    for error in pruned.errors:
        click.echo(error, err=True)


def sentence(pruned: Pruned) -> str:
    """Such as ``Deleted 12 artifact versions; 3.4 MB freed (10 small values, 2 files).``"""
    would = "would be " if pruned.dry_run else ""
    what = counted(len(pruned.versions), "artifact version") if pruned.versions else "no artifact version"
    text = f"{'Would delete' if pruned.dry_run else 'Deleted'} {what}"
    parts = [counted(pruned.payloads, "small value")] if pruned.payloads else []
    parts += [counted(pruned.files, "file")] if pruned.files else []
    if parts:
        text += f"; {shown_size(pruned.freed)} {would}freed ({', '.join(parts)})"
    waiting = [counted(pruned.waiting_versions, "version")] if pruned.waiting_versions else []
    if pruned.waiting_files:
        waiting.append(f"{counted(pruned.waiting_files, 'file')} ({shown_size(pruned.waiting_bytes)})")
    if not waiting:
        return f"{text}."
    return f"{text}. A run or a save is going on, so the bytes of {' and '.join(waiting)} stay until the next prune."
