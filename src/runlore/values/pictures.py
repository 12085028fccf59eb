"""Pictures: what a materializer draws of a value, checked, and made light enough to be kept.

`docs/design/codec.md`, "Pictures", says what the kinds are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from runlore.errors import ValueUnstorable
from runlore.model.artifact import KeptPicture, Picture
from runlore.values.materializer import Materializer

#: What a materializer may draw.
KINDS = ("html", "image", "csv", "markdown", "json", "plot")
#: A picture of more bytes is neither kept nor shown unless somebody asks for it.
LIGHT = 200_000


def can_draw(materializer: Materializer) -> bool:
    """Whether a materializer has pictures at all; if not, no value need be loaded to see that there are none."""
    return type(materializer).pictures is not Materializer.pictures


def drawn(materializer: Materializer, value: Any) -> tuple[Picture, ...]:
    """Return what a materializer draws of ``value``.

    Raises:
        ValueUnstorable: it raises, or what it gives are not pictures; says which materializer, and what it gave.
    """
    try:
        pictures = materializer.pictures(value)
        if isinstance(pictures, Picture):
            raise TypeError("it returned one Picture instead of a list of them")
        return tuple(_checked(picture) for picture in pictures)
    except Exception as error:
        raise ValueUnstorable(
            f"The materializer {materializer.name!r} could not draw it: {type(error).__name__}: {error}."
        ) from error


def _checked(picture: Any) -> Picture:
    if not isinstance(picture, Picture):
        raise TypeError(f"it returned a {type(picture).__name__} among its pictures, not a Picture")
    if picture.kind not in KINDS:
        raise ValueError(f"a picture is of the kind {picture.kind!r}, which is none of {', '.join(KINDS)}")
    if not isinstance(picture.data, bytes | bytearray | memoryview):
        raise TypeError(f"the data of a picture are bytes, not a {type(picture.data).__name__}")
    return Picture(picture.kind, bytes(picture.data), str(picture.name), picture.media_type)


def to_keep(pictures: Sequence[Picture]) -> tuple[KeptPicture, ...]:
    """What the record keeps of these pictures: all of a light one, of any other that it is there."""
    return tuple(
        KeptPicture(
            kind=picture.kind,
            name=picture.name,
            media_type=picture.media_type,
            size=len(picture.data),
            data=picture.data if len(picture.data) <= LIGHT else None,
        )
        for picture in pictures
    )


def shown(kept: KeptPicture) -> Picture:
    """A kept picture as something to look at; in place of one that is too large, a note that says how to see it."""
    if kept.data is not None:
        return Picture(kept.kind, kept.data, kept.name, kept.media_type)
    return note(
        f"The picture {kept.name!r} ({kept.kind}) has {kept.size:,} bytes, more than the {LIGHT:,} that are "
        "shown without asking. To see it: visualize(large=True), or runlore artifact visualize --large.",
        name=kept.name,
    )


def note(text: str, *, name: str = "note") -> Picture:
    """Words in place of a picture."""
    return Picture("note", text.encode("utf-8", "replace"), name)
