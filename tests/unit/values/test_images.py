"""Images and figures: exact round trips, pictures, and what happens where their libraries are missing."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import numpy as np
import plotly.graph_objects
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin, TiffImagePlugin

from runlore import load_artifact, save_artifact
from runlore.errors import MissingExtra, UntrustedPickle, ValueUnloadable, ValueUnstorable
from runlore.testing.payloads import MemoryWriter, PayloadReader, round_trip
from runlore.values import registry
from runlore.values.figures import MatplotlibMaterializer
from runlore.values.images import ImageMaterializer
from runlore.values.plotly import PlotlyMaterializer
from runlore.values.registry import materializer_for

MODES = ["1", "L", "LA", "P", "RGB", "RGBA", "I", "F", "I;16", "I;16B", "I;16L", "CMYK", "YCbCr", "LAB", "HSV"]
MODES += ["RGBX", "RGBa", "La", "PA"]
IMAGES = ImageMaterializer()
notes = st.recursive(
    st.integers() | st.floats(allow_nan=False) | st.binary(max_size=9) | st.text(max_size=5),
    lambda inner: st.tuples(inner, inner),
    max_leaves=4,
)


@st.composite
def images(draw: Any) -> Any:
    """Any image that PIL makes: mode, size, pixels, palette and info."""
    mode, size = draw(st.sampled_from(MODES)), (draw(st.integers(0, 9)), draw(st.integers(0, 9)))
    made = Image.new(mode, size)
    length = len(made.tobytes())
    if length:
        made.frombytes(draw(st.binary(min_size=length, max_size=length)))
    if mode in ("P", "PA"):
        colours = draw(st.integers(1, 256))
        bands = draw(st.sampled_from(["RGB", "RGBA"]))
        length = colours * len(bands)
        made.putpalette(draw(st.binary(min_size=length, max_size=length)), bands)
    made.info = draw(st.dictionaries(st.text(max_size=5), notes, max_size=3))
    if mode == "P" and draw(st.booleans()):
        made.info["transparency"] = draw(st.integers(0, 255) | st.binary(min_size=1, max_size=9))
    return made


def palette_of(image: Any) -> Any:
    mode = image.palette and image.palette.mode
    return mode and (mode, bytes(image.im.getpalette(mode, mode)))


def again(value: Any, materializer: Any = IMAGES) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return round_trip(materializer, value, Path(folder))


@settings(max_examples=60)
@given(images())
def test_any_image_comes_back(image: Any) -> None:
    """Mode, size, all bytes of the pixels, palette and info are the same; there is a picture of what has pixels."""
    found = again(image)

    assert type(found) is Image.Image
    assert found == image
    assert palette_of(found) == palette_of(image)
    assert len(IMAGES.pictures(image)) == (0 not in image.size)
    assert IMAGES.metadata(image) == {"width": image.width, "height": image.height, "mode": image.mode}


def test_colours_that_the_palette_does_not_have_are_kept() -> None:
    """Pixels are numbers of colours; one without a colour comes back as that number."""
    image = Image.new("P", (1, 1), 2)
    image.putpalette(b"abc")

    assert again(image) == image
    assert again(image).getpixel((0, 0)) == 2


def test_an_opened_image_comes_back_without_its_file(tmp_path: Path) -> None:
    """What PIL notes of a file is kept: text of other languages, resolutions as fractions, EXIF."""
    chunks = PngImagePlugin.PngInfo()
    chunks.add_itxt("Title", "Ä", "de", "Titel")
    exif = Image.Exif()
    exif[0x010E] = "described"
    Image.new("RGB", (2, 2), "red").save(tmp_path / "a.png", pnginfo=chunks, dpi=(72, 72), exif=exif)
    with Image.open(tmp_path / "a.png") as opened:
        found = again(opened)
        assert (found.info, found.tobytes()) == (opened.info, opened.tobytes())
        assert found.info["Title"].lang == "de"
        assert found.getexif()[0x010E] == "described"
        assert IMAGES.metadata(opened)["format"] == "PNG"
    fraction = Image.new("L", (1, 1))
    fraction.info = {"one": TiffImagePlugin.IFDRational(1, 3), "two": (TiffImagePlugin.IFDRational(2, 3),) * 2}
    found = again(fraction).info
    assert [type(found["one"]), found["one"].numerator, found["one"].denominator] == [
        TiffImagePlugin.IFDRational,
        1,
        3,
    ]
    assert found == fraction.info


def test_other_programs_read_the_payload(tmp_path: Path) -> None:
    """The payload is a plain PNG or TIFF file."""
    for mode, form in (("RGB", "PNG"), ("F", "TIFF")):
        writer = MemoryWriter()
        image = Image.new(mode, (3, 2), 1)
        IMAGES.save(image, writer)
        (tmp_path / "file").write_bytes(b"".join(writer.parts))
        with Image.open(tmp_path / "file") as opened:
            assert (opened.format, opened.mode, opened.tobytes()) == (form, mode, image.tobytes())


def test_several_frames_are_no_image(tmp_path: Path) -> None:
    """An animation is refused, since only one of its frames would be stored; the error says how to keep it."""
    frames = [Image.new("L", (2, 2), shade) for shade in (0, 255)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "a.gif") as opened, pytest.raises(ValueUnstorable, match=r"2 frames.*Path"):
        IMAGES.save(opened, MemoryWriter())


def test_a_large_image_has_a_small_picture() -> None:
    """The picture has at most 200 kB, whatever the image."""
    image = Image.effect_noise((1_500, 900), 90).convert("RGB")
    (picture,) = IMAGES.pictures(image)

    assert len(picture.data) <= 200_000


def test_an_image_with_notes_of_no_form_is_pickled(home: Path) -> None:
    """Info that the codec refuses makes the image a pickle, which is exact too."""
    image = Image.new("L", (1, 1), 7)
    image.info = {"what": {1, 2}, "odd": complex}
    image.info["object"] = Exception("x")

    version = save_artifact(image, "odd")
    assert version.materializer == "cloudpickle"
    assert load_artifact("odd").tobytes() == b"\7"


@pytest.mark.parametrize("cut", [0, 4, 30, 60, -1])
@pytest.mark.parametrize("mode", ["RGB", "F"])
def test_a_damaged_image_is_an_error(tmp_path: Path, mode: str, cut: int) -> None:
    """A payload that is cut short, or a file without our part, is the typed error."""
    writer = MemoryWriter()
    IMAGES.save(Image.new(mode, (20, 20), 1), writer)
    data = b"".join(writer.parts)
    if cut < 0:
        Image.new(mode, (2, 2)).save(tmp_path / "plain", "PNG" if mode == "RGB" else "TIFF")
        data = (tmp_path / "plain").read_bytes()

    with pytest.raises(ValueUnloadable):
        IMAGES.load(PayloadReader(tmp_path, {}, data[: cut if cut >= 0 else None]))


def test_figures_of_pyplot_open_no_window(home: Path) -> None:
    """A figure that pyplot knows comes back as one that it does not know, drawn the same."""
    figure, axes = matplotlib.pyplot.subplots()
    try:
        axes.plot([1, 2, 3])
        axes.set_title("loss")
        version = save_artifact(figure, "figure")
        found = load_artifact("figure")

        assert matplotlib.pyplot.get_fignums() == [figure.number]
        assert found.axes[0].lines[0].get_ydata().tolist() == [1, 2, 3]
        pictures = [MatplotlibMaterializer().pictures(each)[0].data for each in (figure, found)]
        assert pictures[0] == pictures[1]
        assert 0 < len(pictures[0]) <= 200_000
        assert version.artifact_type == "DataAnalysisArtifact"
        notes = {key: entry.value for key, entry in version.run_metadata.items()}
        assert (notes["pickle"], notes["axes"], notes["titles"]) == (True, 1, ["loss"])
    finally:
        matplotlib.pyplot.close(figure)


def test_a_figure_of_somebody_else_is_not_loaded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickled figures, and containers with pickled members, fall under the policy of pickles."""
    save_artifact(matplotlib.pyplot.Figure(), "figure")
    save_artifact({"a": matplotlib.pyplot.Figure(), "n": 1}, "both")
    monkeypatch.setenv("RUNLORE_PICKLE", "never")
    from runlore import Client

    for name in ("figure", "both"):
        version = Client().get_artifact_version(name)
        if version.materializer == "nested-pickled":
            assert version.run_metadata["pickle"].value is True
        with pytest.raises(UntrustedPickle):
            load_artifact(name)


@pytest.mark.parametrize("values", [np.arange(200_000) / 7, np.arange(3), np.array(["2026-01-01"], "M8[s]")])
def test_arrays_of_figures_of_plotly_come_back(values: Any, tmp_path: Path) -> None:
    """The arrays of a figure are arrays of their dtype again, also of one of more than a megabyte."""
    figure = plotly.graph_objects.Figure(plotly.graph_objects.Scatter(y=values))

    again = round_trip(PlotlyMaterializer(), figure, tmp_path)

    assert isinstance(again.data[0].y, np.ndarray)
    assert again.data[0].y.dtype == figure.data[0].y.dtype
    assert (again.data[0].y == figure.data[0].y).all()


def test_figures_of_plotly_are_exact_and_readable(tmp_path: Path) -> None:
    """Its own JSON is always there; what that does not say lies beside it only where there is such a thing."""
    plain = plotly.graph_objects.Figure(
        plotly.graph_objects.Bar(x=["a"], y=[1]), {"template": "none", "title": {"text": "t"}}
    )
    dated = plotly.graph_objects.Figure(plotly.graph_objects.Bar(x=[1.0, float("nan")], y=[1, 2]))
    writers = []
    for figure in (plain, dated):
        writer = MemoryWriter()
        PlotlyMaterializer().save(figure, writer)
        writers.append(writer)
        assert plotly.io.from_json(writer.tree["figure.json"].getvalue().decode()).data[0].type == "bar"
    (tmp_path / "plain").mkdir()

    assert list(writers[0].tree) == ["figure.json"]
    assert sorted(writers[1].tree) == ["figure.json", "figure.nested"]
    assert PlotlyMaterializer().load(writers[0].reader(tmp_path / "plain")) == plain
    assert repr(PlotlyMaterializer().load(writers[1].reader(tmp_path)).data[0].x) == "(1.0, nan)"
    assert PlotlyMaterializer().metadata(plain) == {"traces": ["bar"], "title": "t"}
    assert PlotlyMaterializer().pictures(plain)[0].kind == "json"


@pytest.mark.parametrize(
    ("value", "name", "library", "extra"),
    [
        (Image.new("L", (1, 1)), "image", "PIL", "pillow"),
        (matplotlib.pyplot.Figure(), "matplotlib", "matplotlib", "plot"),
        (plotly.graph_objects.Figure(), "plotly", "plotly", "plotly"),
    ],
    ids=["pillow", "matplotlib", "plotly"],
)
def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, value: Any, name: str, library: str, extra: str
) -> None:
    """Where the library is not installed, loading says which extra brings it."""
    assert materializer_for(value).name == name
    monkeypatch.delitem(registry._names, name)
    for module in [known for known in sys.modules if known.split(".")[0] == library]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(sys.modules, registry.SHIPPED[name].module)

    with pytest.raises(MissingExtra, match=rf"pip install 'runlore\[{extra}\]'"):
        registry.by_name(name)
