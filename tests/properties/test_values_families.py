"""Whatever is saved comes back the same, also in a fresh process that was started in another folder."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runlore import load_artifact, save_artifact
from runlore.recall.version import ArtifactVersion

# By this name the fresh process imports it too, so that classes have one name.
_SPEC = importlib.util.spec_from_file_location("families", Path(__file__).with_name("families.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
families = importlib.util.module_from_spec(_SPEC)
sys.modules["families"] = families
_SPEC.loader.exec_module(families)

READ_ALL = """
import sys
sys.path.insert(0, sys.argv[1])
import families
from runlore import load_artifact
for name, make in families.VALUES.items():
    found = load_artifact(name)
    assert families.same(make(), found), (name, found)
sound, tree = load_artifact("sound"), load_artifact("tree")
assert sound.name == "silence.wav" and len(sound.read_bytes()) > 16_000
assert sorted(path.relative_to(tree).as_posix() for path in tree.rglob("*")) == [
    "again", "inner", "inner/empty", "inner/weights.bin", "run.sh"
]
assert load_artifact("lambda")(2) == 5
print(len(families.VALUES))
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ArtifactVersion]]:
    """All values of all families, in one record."""
    folder = tmp_path_factory.mktemp("families")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNLORE_HOME", str(folder / "home"))
        found = {name: save_artifact(make(), name) for name, make in families.VALUES.items()}
        found["sound"] = save_artifact(families.sound(folder), "sound")
        found["tree"] = save_artifact(families.tree(folder), "tree")
        three = 3
        found["lambda"] = save_artifact(lambda number: number + three, "lambda")
        yield found


def test_a_fresh_process_in_another_folder_reads_all(saved: dict[str, ArtifactVersion], tmp_path: Path) -> None:
    """Every value is the same in a process that has nothing but the record and the modules of the classes."""
    command = [sys.executable, "-c", READ_ALL, str(Path(__file__).parent)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(len(families.VALUES))]


@pytest.mark.parametrize("name", families.VALUES)
def test_what_goes_in_comes_out(saved: dict[str, ArtifactVersion], name: str) -> None:
    """Loading gives a fresh value that cannot be told from the one that was saved."""
    assert families.same(families.VALUES[name](), load_artifact(name))


@pytest.mark.parametrize("name", [name for name in families.VALUES if name not in ("matplotlib", "model-inside")])
def test_equal_values_have_an_equal_digest(saved: dict[str, ArtifactVersion], name: str) -> None:
    """A value made again the same way has the digest of the first."""
    again = save_artifact(families.VALUES[name](), name + "-again")

    assert again.content.digest == saved[name].content.digest


@pytest.mark.parametrize(
    ("name", "materializer"),
    [
        ("bytes", "bytes"),
        ("bytes-short", "json"),
        ("text", "text"),
        ("text-surrogate", "json"),
        ("html", "html"),
        ("html-inside", "nested"),
        ("image", "image"),
        ("plotly", "plotly"),
        ("matplotlib", "matplotlib"),
        ("dataclasses", "columns"),
        ("dataclasses-inside", "columns"),
        ("named-tuples", "columns"),
        ("moments", "columns"),
        ("pydantic", "json"),
        ("pydantic-array", "nested"),
        ("arrays-inside", "nested"),
        ("model-inside", "nested-pickled"),
        ("model-in-dataclass", "nested-pickled"),
        ("opaque-inside", "nested-pickled"),
        ("function", "json"),
        ("lambda", "cloudpickle"),
        ("sound", "path"),
        ("tree", "folder"),
    ],
)
def test_the_form_is_the_safest(saved: dict[str, ArtifactVersion], name: str, materializer: str) -> None:
    """A value is pickled only where nothing else holds it, and the record says with what it was stored."""
    assert saved[name].materializer == materializer
