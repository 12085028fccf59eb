"""What an installation without extras brings."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from measure import Row


def install(rounds: int) -> Iterator[Row]:
    """Packages and bytes of the core with all that it needs, compiled."""
    del rounds  # it is the same every time
    project = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory(prefix="runlore-bench-") as folder:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", folder]
        subprocess.run([*command, str(project)], check=True, capture_output=True)
        packages = len(list(Path(folder).glob("*.dist-info")))
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    yield Row(what="installed core", floor=None, runlore=packages, unit="packages", budget="≤ 12")
    yield Row(what="installed core", floor=None, runlore=size, unit="MB", budget="≤ 25 MB")
