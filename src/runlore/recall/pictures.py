"""Pictures of a version: kept ones, or drawn now and kept; no value is loaded for what was looked at before."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING

from runlore.errors import ArtifactDeleted, StoreError, ValueUnstorable
from runlore.model.artifact import Picture

if TYPE_CHECKING:
    from runlore.recall.version import ArtifactVersion

#: Elements of a collection that are looked at.
ELEMENTS = 12


def pictures_of(
    version: ArtifactVersion, *, large: bool = False, draw: bool = False, trust: bool = False
) -> tuple[Picture, ...]:
    """Return the pictures of ``version``; of a collection, those of its first elements in turn.

    Args:
        large: also those of more than 200,000 bytes, which are drawn anew each time; otherwise a note stands for each.
        draw: draw them even where ``enable_artifact_visualization`` was false when the value was stored.
        trust: as in `ArtifactVersion.load`, which a first look may need.

    Raises as `ArtifactVersion.load`.
    """
    from runlore.values import pictures as drawing  # what handles values is imported when one is looked at
    from runlore.values.registry import by_name

    if version.deleted:
        raise ArtifactDeleted(f"The bytes of {version.pathspec} were deleted on purpose; there is nothing to see.")
    if version.is_collection:
        return _of_elements(version, large=large, draw=draw, trust=trust)
    kept = version.kept_pictures()
    if kept and not (large and any(one.data is None for one in kept)):
        return tuple(drawing.shown(one) for one in kept)
    if not draw and json.loads(version.content.meta).get("pictures") is False:
        return (
            drawing.note(
                "Pictures were switched off when this value was stored (enable_artifact_visualization). To see it: "
                "visualize(draw=True), or runlore artifact visualize --draw."
            ),
        )
    materializer = by_name(version.materializer)
    if not drawing.can_draw(materializer):
        return ()
    value = version.load(trust=trust)
    try:
        found = drawing.drawn(materializer, value)
    except ValueUnstorable as error:  # what is wrong with a picture is worth seeing, and no reason to see nothing
        return (drawing.note(str(error)),)
    to_keep = drawing.to_keep(found)
    if to_keep and to_keep != kept:
        from runlore.model.change import PicturesKept

        with suppress(StoreError):  # a store that cannot be written, or not now, still shows
            change = PicturesKept(version=version.seq, element=version.element, pictures=to_keep)
            version.keep_pictures(change)
    return found if large else tuple(drawing.shown(one) for one in to_keep)


def _of_elements(version: ArtifactVersion, *, large: bool, draw: bool, trust: bool) -> tuple[Picture, ...]:
    from runlore.model.noun import changed
    from runlore.values.pictures import note

    found: list[Picture] = []
    length = len(version)
    for position in range(min(length, ELEMENTS)):
        for picture in pictures_of(version[position], large=large, draw=draw, trust=trust):
            found.append(changed(picture, name=f"[{position}] {picture.name}"))
    if length > ELEMENTS:
        found.append(
            note(f"{ELEMENTS} of {length} elements are shown. To see another: version[{ELEMENTS}].visualize().")
        )
    return tuple(found)
