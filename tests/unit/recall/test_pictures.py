"""Looking at values: pictures are drawn on the first look, kept, light, and never act."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy
import pytest

from runlore import Client, pipeline, save_artifact, step
from runlore.errors import AlreadyExists
from runlore.model.artifact import Picture
from runlore.recall.markdown import to_html
from runlore.recall.page import POLICY, fragment_of, page_of
from runlore.record.ownership import Ownership
from runlore.record.sql.sqlite import SQLiteRecord
from runlore.settings import load_settings
from runlore.values.materializer import Materializer, Reader, Writer
from runlore.values.pictures import LIGHT
from runlore.workspace import Workspace

pytestmark = pytest.mark.usefixtures("home")


class Report:
    """A value whose pictures the tests choose."""

    def __init__(self, *pictures: Any) -> None:
        self.pictures = pictures


class ReportMaterializer(Materializer):
    """Keeps the pictures beside it, and counts how often a value was loaded."""

    name = "test-report"
    types: ClassVar = (f"{__name__}.Report",)
    loaded: ClassVar[list[int]] = []
    made: ClassVar[list[Report]] = []

    def save(self, value: Report, writer: Writer) -> None:
        self.made.append(value)
        writer.write(str(len(self.made) - 1).encode())

    def load(self, reader: Reader) -> Report:
        self.loaded.append(1)
        return self.made[int(reader.read())]

    def pictures(self, value: Report) -> Sequence[Picture]:
        return value.pictures


class QuickReport(Report):
    """The same, drawn when it is saved."""


class QuickMaterializer(ReportMaterializer):
    """Draws at once."""

    name = "test-quick-report"
    types: ClassVar = (f"{__name__}.QuickReport",)
    cheap_pictures = True


@pytest.fixture(autouse=True)
def _loaded() -> None:
    ReportMaterializer.loaded.clear()


TEXT = Picture("markdown", b"# Fine")
SVG = Picture("image", b"<svg xmlns='http://www.w3.org/2000/svg'/>", name="drawing")


def saved(value: Any, name: str = "report") -> Any:
    save_artifact(value, name)
    return Client().get_artifact_version(name)


def test_the_first_look_draws_and_the_second_loads_nothing() -> None:
    """Pictures are drawn from the value once; later looks, of any handle, take what was kept."""
    version = saved(Report(TEXT, SVG))
    assert ReportMaterializer.loaded == [] and version.kept_pictures() == ()

    assert version.pictures() == (TEXT, SVG)
    assert len(ReportMaterializer.loaded) == 1
    assert Client().get_artifact_version("report").visualizations == (TEXT, SVG)
    assert len(ReportMaterializer.loaded) == 1


def test_cheap_pictures_are_drawn_when_the_value_is_saved() -> None:
    """A materializer that says that it draws cheaply is asked at once, in a step as well; no look loads a value."""

    @step
    def report() -> QuickReport:
        return QuickReport(TEXT)

    @pipeline
    def reporting() -> None:
        report()

    reporting()
    made = reporting().steps["report"].output
    by_hand = saved(QuickReport(SVG))

    assert made.pictures() == (TEXT,) and by_hand.pictures() == (SVG,)
    assert ReportMaterializer.loaded == []


def test_elements_are_looked_at_one_by_one() -> None:
    """Of a collection the first elements are shown, each under its place, and an element has pictures of its own."""

    @step
    def report(number: int) -> QuickReport:
        return QuickReport(Picture("json", str(number).encode()))

    @pipeline
    def reporting() -> None:
        report.map(list(range(14)))

    version = reporting().steps["report"].output
    shown = version.pictures()

    assert [picture.name for picture in shown[:2]] == ["[0] picture", "[1] picture"]
    assert len(shown) == 13 and b"12 of 14" in shown[-1].data
    assert version[13].pictures() == (Picture("json", b"13"),)
    assert len(ReportMaterializer.loaded) == 13
    version.pictures()
    assert len(ReportMaterializer.loaded) == 13


def test_a_large_picture_is_a_note_unless_asked_for() -> None:
    """A picture of more than 200,000 bytes is neither kept nor shown: a note says its size and how to see it."""
    large = Picture("html", b"x" * (LIGHT + 1), name="page")
    version = saved(Report(Picture("html", b"y" * LIGHT), large))

    for _ in range(2):
        light, note = version.pictures()
        assert (len(light.data), note.kind, note.name) == (LIGHT, "note", "page")
        assert b"200,001 bytes" in note.data and b"large=True" in note.data
    assert len(ReportMaterializer.loaded) == 1
    assert version.pictures(large=True)[1] == large
    assert len(version.kept_pictures()) == 2 and version.kept_pictures()[1].data is None


@pytest.mark.parametrize("where", ["setting", "step", "pipeline", "yaml"])
def test_pictures_can_be_switched_off(where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Switched off, nothing is drawn at save, and a look says so without loading, unless it asks for them."""

    def report() -> QuickReport:
        return QuickReport(TEXT)

    made = step(report, enable_artifact_visualization=False) if where == "step" else step(report)

    def reporting() -> None:
        made()

    run = pipeline(reporting, enable_artifact_visualization=False) if where == "pipeline" else pipeline(reporting)
    if where == "setting":
        monkeypatch.setenv("RUNLORE_ENABLE_ARTIFACT_VISUALIZATION", "false")
    if where == "yaml":
        file = tmp_path / "run.yaml"
        file.write_text("steps: {report: {enable_artifact_visualization: false}}")
        run = run.with_options(config_path=file)
    version = run().steps["report"].output

    (note,) = version.pictures()
    assert note.kind == "note" and b"draw=True" in note.data and "pictures" not in version.metadata
    assert ReportMaterializer.loaded == [] and version.kept_pictures() == ()
    assert version.pictures(draw=True) == (TEXT,)


def test_the_step_has_the_last_word() -> None:
    """A step that says that pictures may be made is not silenced by its pipeline."""

    @step(enable_artifact_visualization=True)
    def report() -> QuickReport:
        return QuickReport(TEXT)

    @pipeline(enable_artifact_visualization=False)
    def reporting() -> None:
        report()

    assert reporting().steps["report"].output.kept_pictures() != ()


@pytest.mark.parametrize(
    ("pictures", "message"),
    [
        ((Picture("movie", b""),), "'movie'"),
        (("text",), "str among its pictures"),
        ((Picture("html", "text"),), "bytes"),  # type: ignore[arg-type]
        (TEXT, "one Picture instead of a list"),
    ],
)
@pytest.mark.parametrize("kind", [Report, QuickReport])
def test_a_wrong_picture_is_told(pictures: Any, message: str, kind: type[Report]) -> None:
    """What is no picture fails no save; the look names the materializer and what it gave, and keeps nothing."""
    report = kind()
    report.pictures = pictures
    version = saved(report)
    (note,) = version.pictures()

    assert note.kind == "note" and message in note.data.decode() and "test-" in note.data.decode()
    assert version.kept_pictures() == ()


def test_a_store_that_cannot_be_written_still_shows(home: Path) -> None:
    """Where nothing can be kept, pictures are shown all the same: kept ones without loading, others drawn each time."""
    kept = saved(Report(SVG), "kept").pictures()
    saved(Report(TEXT))
    record = SQLiteRecord(home / "record.db", read_only=True)
    client = Workspace(load_settings(), record, Ownership(home / "leases")).client
    ReportMaterializer.loaded.clear()

    for looks in (1, 2):
        assert client.get_artifact_version("report").pictures() == (TEXT,)
        assert client.get_artifact_version("kept").pictures() == kept
        assert len(ReportMaterializer.loaded) == looks
    record.close()


def test_values_without_pictures_are_not_loaded() -> None:
    """What has no pictures is known by its materializer, however dangerous its bytes are."""
    version = saved(object(), "thing")

    assert version.is_pickle and version.pictures() == ()
    assert "no pictures" in page_of("x", ())


def test_a_page_can_be_written_where_one_wants(tmp_path: Path) -> None:
    """`visualize(path)` writes a page and returns its path, over an existing file only when told to."""
    version, path = saved(Report(TEXT)), tmp_path / "page.html"

    assert version.visualize(path) == path and "<h1>Fine</h1>" in path.read_text(encoding="utf-8")
    with pytest.raises(AlreadyExists, match="overwrite=True"):
        version.visualize(path)
    assert version.visualize(str(path), overwrite=True) == path


# -- the page ------------------------------------------------------------------------------------------------------

HOSTILE = "<script>document.title = 'owned'; parent.document.title = 'owned'; fetch('{url}')</script><img src='{url}'>"
HOSTILE += "<link rel=stylesheet href='{url}'><iframe src='{url}'></iframe><form action='{url}'></form>"
HOSTILE += "<meta http-equiv=refresh content='0;url={url}'><svg onload=\"document.title='owned'\"></svg>"


def hostile(url: str) -> list[Picture]:
    """The same attack in every kind of picture, and in what is said about it."""
    attack = HOSTILE.replace("{url}", url)
    name = f"'></figcaption>{attack}"
    svg = f"<svg xmlns='http://www.w3.org/2000/svg' onload=\"document.title='owned'\">{attack}</svg>"
    return [
        Picture("html", attack.encode(), name),
        Picture("html", f"'></iframe>\"></iframe>{attack}".encode(), name),
        Picture("image", svg.encode(), name, "image/svg+xml"),
        Picture("plot", svg.encode(), name),
        Picture("image", svg.encode(), name, f"text/html'>{attack}"),
        Picture("csv", f'a,b\n{attack},1\n"{attack}"'.encode(), name),
        Picture("markdown", f"# {attack}\n\n[x](javascript:{url})\n![p]({url})\n`{attack}`\n\n{attack}".encode(), name),
        Picture("json", f'{{"a": "{attack}"}}'.encode(), name),
        Picture("json", attack.encode(), name),
        Picture("other", attack.encode(), name),
        Picture("note", attack.encode(), name),
    ]


@pytest.mark.parametrize("make", [page_of, fragment_of])
def test_nothing_in_a_page_acts(make: Any) -> None:
    """Whatever a picture says, a page has no script, handler, link to anything fetched, or frame that may do more."""
    text = make(f"</title>{HOSTILE}", hostile("https://evil.example/x"))

    tags = Tags()
    tags.feed(text)
    assert tags.names <= {
        *("html", "head", "meta", "title", "style", "body", "main", "div", "h1", "h2", "figure", "figcaption", "img"),
        *("table", "iframe", "thead", "tbody", "tr", "th", "td", "pre", "p", "code", "em", "strong", "a"),
    }
    for name, attributes in tags.found:
        assert not [key for key in attributes if key.startswith("on")], (name, attributes)
        if name == "iframe":
            assert attributes["sandbox"] == "" and "src" not in attributes
            assert POLICY in attributes["srcdoc"]
        if name == "img":
            assert re.fullmatch(r"data:image/svg\+xml;base64,[A-Za-z0-9+/=]*", attributes["src"])
        assert not attributes.get("href", "https://").startswith("javascript")
        if name == "meta":
            assert attributes.get("http-equiv") in (None, "Content-Security-Policy")


class Tags(HTMLParser):
    """The tags of a page with their attributes, as the standard library reads them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.found}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {key: value or "" for key, value in attrs}))


class Hits(BaseHTTPRequestHandler):
    """Counts what is fetched."""

    seen: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.seen.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *said: Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    """The address of a server that counts."""
    Hits.seen.clear()
    served = HTTPServer(("127.0.0.1", 0), Hits)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}"
    served.shutdown()
    served.server_close()


def title_of(page: Path) -> str:
    """What a browser calls a page once its scripts had their time."""
    command = ("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=2000", "--dump-dom")
    folder = page.parent / f"browser-{page.stem}"
    run = subprocess.run(
        [*command, f"--user-data-dir={folder}", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "HOME": str(page.parent)},
    )
    found = re.search(r"<title>(.*?)</title>", run.stdout, re.DOTALL)
    assert found is not None, run.stderr
    return found[1]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs Debian's chromium")
def test_nothing_acts_in_a_browser(tmp_path: Path, server: str) -> None:
    """A browser that opens a page of hostile pictures changes nothing and fetches nothing; bare, they would do both."""
    bare, page = tmp_path / "bare.html", tmp_path / "page.html"
    attack = HOSTILE.split("<meta")[0].replace("{url}", f"{server}/bare")
    bare.write_text(f"<title>bare</title><body>{attack}")
    page.write_text(page_of("fine", hostile(f"{server}/page")))

    assert title_of(bare) == "owned" and "/bare" in Hits.seen
    assert title_of(page) == "fine" and "/page" not in Hits.seen


def test_tables_texts_and_markdown_look_right() -> None:
    """CSV is a table with numbers to the right, JSON is indented, and Markdown is what it says."""
    page = page_of("x", [Picture("csv", b'name,n\n"a, b",1.5\n'), Picture("json", b'{"a":[1]}')])

    assert "<th>name</th><th>n</th>" in page
    assert "<td>a, b</td><td class='runlore-number'>1.5</td>" in page
    assert "<pre>{\n  &quot;a&quot;: [\n    1\n  ]\n}</pre>" in page
    assert to_html("*a* **b** `c<`\n- x\n- y\n  - z\n\n1. n\n\n|h|\n|-|\n|v|\n") == (
        "<p><em>a</em> <strong>b</strong> <code>c&lt;</code></p>\n"
        "<ul><li>x</li><li>y<ul><li>z</li></ul></li></ul>\n<ol><li>n</li></ol>\n"
        "<table><thead><tr><th>h</th></tr></thead><tbody><tr><td>v</td></tr></tbody></table>"
    )
    assert to_html("[a](https://b.example/?c=1&d)") == (
        "<p><a href='https://b.example/?c=1&amp;d' rel='noopener noreferrer' target='_blank'>a</a></p>"
    )


@pytest.mark.parametrize(
    "text",
    [
        "# " + " " * 200_000 + "x#y",
        "|a|\n-" + " " * 200_000 + "x",
        "a".join("`" * length for length in range(600)),
        "[" * 200_000,
    ],
    ids=["heading", "table", "code", "link"],
)
def test_no_markdown_takes_for_ever(text: str) -> None:
    """A text made to be tried in every way is shown all the same: the work grows as the text does."""
    assert to_html(text).endswith(("</p>", "</h1>", "</ul>"))


def test_a_table_of_broken_csv_is_text() -> None:
    """What the CSV reader refuses is shown as the text that it is; so are texts with characters of their own."""
    long = "x" * 200_000
    assert "<pre>" in page_of("x", [Picture("csv", f"a\n{long}".encode())])
    assert "\ufffd" in page_of("x", [Picture("markdown", b"\x000\x00 \xff")])


def test_handles_are_small_and_inert_in_notebooks() -> None:
    """What a notebook shows of a version is a short table of facts, escaped, and no value is loaded for it."""
    version = saved(numpy.arange(3), "<b>")
    text = version._repr_html_()

    assert "artifact:&lt;b&gt;@1" in text and "numpy.ndarray" in text and "shape" in text
    assert len(text) < 6_000 and "mac" not in text
