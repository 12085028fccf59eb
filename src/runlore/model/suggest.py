"""Suggestions: which known name an unknown one probably meant."""

from __future__ import annotations

from collections.abc import Iterable


def did_you_mean(wrong: str, known: Iterable[str], *, limit: int = 10, nothing: str = " There are none yet.") -> str:
    """Return a sentence naming the likely meant entry of ``known``, or else what there is, or that there is nothing.

    The sentence starts with a space, so that it can be appended to a message as it is; ``nothing`` takes its place when
    there are no known names.
    """
    import difflib  # only needed when something went wrong

    names = list(dict.fromkeys(known))
    if not names:
        return nothing
    # numbers look alike without being mistaken for each other
    close = [] if wrong.isdigit() else difflib.get_close_matches(wrong, names, n=3, cutoff=0.6)
    if close:
        return " Did you mean " + " or ".join(repr(name) for name in close) + "?"
    shown = ", ".join(repr(name) for name in names[:limit])
    return f" There is {shown}" + (f" and {len(names) - limit} more." if len(names) > limit else ".")
