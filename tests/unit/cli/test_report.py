"""``runlore run report``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result


@pytest.fixture
def trained(cli: Callable[..., Result]) -> None:
    """A run is recorded."""
    assert cli("pipeline", "run", "flow.py:training").exit_code == 0


@pytest.mark.usefixtures("trained")
def test_a_report_is_written_where_one_says(cli: Callable[..., Result], tmp_path: Path) -> None:
    """`-o` names the file, which stdout names; without it the run does, and `-` is stdout itself."""
    result = cli("run", "report", "training/1", "-o", "deep/report.html")
    assert (result.exit_code, result.stdout) == (0, "deep/report.html\n")
    page = (tmp_path / "deep" / "report.html").read_text(encoding="utf-8")
    assert "flow.py" in page and "def training(" in page
    assert page.startswith("<!doctype html>") and "training/1" in page and "loading 3" in page

    assert cli("run", "report", "training/latest").stdout == "training-1.html\n"
    assert (tmp_path / "training-1.html").exists()
    assert cli("run", "report", "training/latest", "-o", "-").stdout.startswith("<!doctype html>")


@pytest.mark.usefixtures("trained")
def test_only_reports_are_replaced(cli: Callable[..., Result], tmp_path: Path) -> None:
    """A second report replaces the first; any other file stays unless `--overwrite` is said."""
    assert cli("run", "report", "training/1", "-o", "r.html").exit_code == 0
    assert cli("run", "report", "training/1", "-o", "r.html").exit_code == 0
    refused = cli("run", "report", "training/1", "-o", "flow.py")
    assert refused.exit_code == 1 and "--overwrite" in refused.output and "flow.py" in refused.output
    assert "@pipeline" in (tmp_path / "flow.py").read_text()
    assert cli("run", "report", "training/1", "-o", "flow.py", "--overwrite").exit_code == 0


@pytest.mark.usefixtures("trained")
def test_no_browser_opens_without_a_terminal(cli: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """`--open` opens nothing where nobody sits."""
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)

    assert cli("run", "report", "training/1", "--open").exit_code == 0
    assert opened == []


@pytest.mark.usefixtures("trained")
def test_what_is_no_run_is_refused(cli: Callable[..., Result]) -> None:
    """A step has no report, and what is not there is said to be missing."""
    step = cli("run", "report", "training/1/train")
    assert step.exit_code == 1 and "not a run" in step.output
    absent = cli("run", "report", "training/7")
    assert absent.exit_code == 1 and "training" in absent.output and "Traceback" not in absent.output
