"""Numbers that the tables hold for kinds of owners and of facts."""

from __future__ import annotations

from runlore.model.metadata import OwnerKind

#: Positions are stored: only ever append.
OWNER_KINDS = tuple(OwnerKind)
#: Kinds of facts.
PARAMETER, RUN_METADATA, VERSION_METADATA = 0, 1, 2
