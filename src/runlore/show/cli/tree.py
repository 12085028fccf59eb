"""Tree: lines of a drawn tree, folded at blanks so that the branches stay in their places on a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from runlore.model.name import columns_of

_BRANCHES = "│├└─ "
#: How a branch goes on below a line that was folded.
_ON = str.maketrans("├└─", "│  ")


def folded(text: str, room: int | None) -> Iterator[str]:
    """The lines of a tree in at most ``room`` columns, as far as their words allow; as they are for ``None``."""
    for line in text.split("\n"):
        if room is None or columns_of(line) <= room:
            yield line
            continue
        stem = line[: len(line) - len(line.lstrip(_BRANCHES))]
        current = stem
        below = stem.translate(_ON) + "    "
        for number, word in enumerate(line[len(stem) :].split(" ")):
            if number and columns_of(current) + 1 + columns_of(word) > room:
                yield current
                current = below + word
            else:
                current = f"{current} {word}" if number else current + word
        yield current
