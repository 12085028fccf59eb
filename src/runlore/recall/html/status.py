"""Status: the colour and the badge of each state, readable on a light and on a dark page.

A fragment does not know what lies under it: a notebook's theme is its own. So text takes the colour that is there, and
colours of states are middling ones that stand out from white and from black alike; a page of ours sets others by the
variables ``--runlore-…``. A state is always said in words as well.
"""

from __future__ import annotations

from collections.abc import Mapping

from runlore.model.status import Status
from runlore.recall.html.markup import Html, tag

#: Contrast of 3 and more to white and to #111, which is what graphics need (WCAG 2.2, 1.4.11).
COLORS: Mapping[Status, str] = {
    Status.PENDING: "#7c8590",
    Status.RUNNING: "#b87209",
    Status.COMPLETED: "#2b915a",
    Status.FAILED: "#d6453f",
    Status.CACHED: "#3c80c8",
    Status.SKIPPED: "#7c8590",
    Status.CANCELLED: "#a5679c",
    Status.INTERRUPTED: "#a5679c",
}


def color(status: Status) -> str:
    """As a CSS value."""
    return f"var(--runlore-{status},{COLORS[status]})"


def badge(status: Status) -> Html:
    """A dot of the state's colour and the state in words."""
    dot = tag(
        "span",
        style=f"display:inline-block;width:.6em;height:.6em;border-radius:50%;background:{color(status)};margin-right:.4em",
    )
    return tag("span", dot, str(status), style="white-space:nowrap")
