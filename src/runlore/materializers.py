"""What materializers of one's own are made of: ``from runlore.materializers import Materializer``.

A class derived from `Materializer` stores values of the classes that it names in ``types``; the page
docs/howto/own-materializer.md teaches it. `Picture` is what its ``pictures`` returns, `ArtifactType` what its values
are to people, `Declined` what its ``save`` raises for a value that it cannot store exactly; it writes to a `Writer` and
reads from a `Reader`. `register` makes a class known that names no ``types``.
"""

from __future__ import annotations

from runlore.values.materializer import ArtifactType, Declined, Materializer, Picture, Reader, Writer
from runlore.values.registry import register

__all__ = ["ArtifactType", "Declined", "Materializer", "Picture", "Reader", "Writer", "register"]
