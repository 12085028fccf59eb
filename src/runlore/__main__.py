"""``python -m runlore``: the command line, where ``runlore`` is not on the path."""

from __future__ import annotations

from runlore.show.cli.start import start

if __name__ == "__main__":
    start()
