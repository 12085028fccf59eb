"""What a notebook shows of an artifact version: facts and a small look. No value is loaded for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.errors import NotFound
from runlore.model.units import shown_size
from runlore.recall.html.card import card, facts, title
from runlore.recall.html.markup import Html, cut
from runlore.recall.html.preview import preview
from runlore.recall.html.value import shown, when

if TYPE_CHECKING:
    from runlore.recall.version import ArtifactVersion

_FACTS = 16


def version_html(version: ArtifactVersion) -> Html:
    """A version, or an element of a collection."""
    noted = [(key, entry) for key, entry in version.run_metadata.items() if key != "storage_size"]
    told: dict[str, object] = {
        "note": cut(version.note or "", 300),
        "type": cut(version.type, 200),
        "size": shown_size(version.size),
        "created": when(version.created),
        "made by": made_by(version),
        "aliases": ", ".join(version.aliases),
        "tags": cut(", ".join(version.tags), 400),
    }
    for key, entry in noted[:_FACTS]:
        told[cut(key, 60)] = shown(entry.value)
    if len(noted) > _FACTS:
        told["…"] = f"and {len(noted) - _FACTS:,} more facts"
    if version.deleted:
        told["bytes"] = "deleted on purpose"
    return card(title(version.pathspec), facts(told), preview(version.kept_pictures()))


def made_by(version: ArtifactVersion) -> str:
    """The step that made it, or how else it came to be."""
    try:
        producer = version.producer
    except NotFound:
        producer = None
    return str(version.save_type) if producer is None else producer.pathspec
