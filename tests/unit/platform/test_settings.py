from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from runlore.errors import ConfigurationError
from runlore.settings import SETTINGS, Settings, load_settings

linux = pytest.mark.skipif(sys.platform != "linux", reason="folders follow the custom of Linux")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with an empty home."""
    (tmp_path / "user").mkdir()
    return {"HOME": str(tmp_path / "user")}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a record of its own."""
    folder = tmp_path / "project"
    (folder / ".runlore").mkdir(parents=True)
    return folder


def _user_file(environ: dict[str, str], text: str) -> None:
    path = Path(environ["HOME"], "settings.toml")
    path.write_text(text)
    environ["RUNLORE_SETTINGS"] = str(path)


def _project_file(project: Path, text: str) -> None:
    (project / ".runlore" / "settings.toml").write_text(text)


@linux
def test_the_record_lives_with_the_user(environ: dict[str, str], tmp_path: Path) -> None:
    """Without any choice, the record is in the user's data folder, by HOME or XDG_DATA_HOME."""
    assert load_settings(environ, tmp_path).home == tmp_path / "user/.local/share/runlore"
    assert load_settings(environ | {"XDG_DATA_HOME": str(tmp_path)}, tmp_path).home == tmp_path / "runlore"


def test_the_nearest_project_wins_over_the_user(environ: dict[str, str], project: Path) -> None:
    """The nearest `.runlore` upwards from the working directory holds the record."""
    below = project / "src" / "deep"
    below.mkdir(parents=True)
    settings = load_settings(environ, below)

    assert settings.home == project / ".runlore"
    assert settings.home_reason == "project folder"


def test_runlore_home_wins_over_all(environ: dict[str, str], project: Path, tmp_path: Path) -> None:
    """RUNLORE_HOME decides where the record lives, but not where the key of the installation does."""
    settings = load_settings(environ | {"RUNLORE_HOME": str(tmp_path / "x")}, project)

    assert settings.home == tmp_path / "x"
    assert settings.user_folder != settings.home


def test_nothing_is_created(environ: dict[str, str], tmp_path: Path) -> None:
    """Reading the settings writes nothing."""
    before = sorted(tmp_path.rglob("*"))
    load_settings(environ, tmp_path)

    assert sorted(tmp_path.rglob("*")) == before


@linux
def test_a_home_that_cannot_hold_anything(tmp_path: Path) -> None:
    """Where HOME leads nowhere, the record goes to the working directory, else to a temporary folder, and says so."""
    environ = {"HOME": "/dev/null/nobody", "TMPDIR": str(tmp_path)}
    (tmp_path / "work").mkdir()

    assert load_settings(environ, tmp_path / "work").home == tmp_path / "work" / ".runlore"
    elsewhere = load_settings(environ, "/proc/self")
    assert elsewhere.home == tmp_path / f"runlore-{os.getuid()}"
    assert "RUNLORE_HOME" in elsewhere.home_reason


@linux
def test_a_project_never_brings_the_key(tmp_path: Path, project: Path) -> None:
    """Where there is no user folder, the key is not looked for in a project, which may come from a stranger."""
    environ = {"HOME": "/dev/null/nobody", "TMPDIR": str(tmp_path)}

    assert load_settings(environ, project).home == project / ".runlore"
    assert load_settings(environ, project).user_folder == tmp_path / f"runlore-{os.getuid()}"
    assert load_settings(environ | {"RUNLORE_HOME": str(tmp_path / "home")}, project).user_folder is None


@linux
def test_a_temporary_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A temporary folder that others can write to, or a link, does not become the record's."""
    environ = {"HOME": "/dev/null/nobody", "TMPDIR": str(tmp_path)}
    place = tmp_path / f"runlore-{os.getuid()}"
    place.symlink_to(tmp_path)
    with pytest.raises(ConfigurationError, match="RUNLORE_HOME"):
        load_settings(environ, "/proc/self")
    place.unlink()
    place.mkdir()
    place.chmod(0o777)
    with pytest.raises(ConfigurationError, match="RUNLORE_HOME"):
        load_settings(environ, "/proc/self")


@linux
def test_no_environment_at_all(tmp_path: Path) -> None:
    """Without HOME and user name, and from a deleted working directory, there are settings all the same."""
    script = (
        "import os, sys; os.chdir(sys.argv[1]); os.rmdir(sys.argv[1]);"
        "from runlore.settings import load_settings; print(load_settings({'TMPDIR': sys.argv[2]}).home)"
    )
    (tmp_path / "gone").mkdir()
    source = str(Path(sys.modules["runlore"].__path__[0]).parent)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "gone"), str(tmp_path)],
        env={"PYTHONPATH": source},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stderr
    assert os.path.isabs(done.stdout.strip())


def test_who_decides(environ: dict[str, str], project: Path) -> None:
    """Environment beats profile, that the project's file, that the user's file, that the default."""
    choices = []

    def chosen() -> str:
        return load_settings(environ, project).progress

    choices.append(chosen())
    _user_file(environ, 'progress = "plain"\ninline_limit = "1 KiB"\n[profiles.team]\nprogress = "auto"\n')
    choices.append(chosen())
    _project_file(project, 'progress = "live"')
    choices.append(chosen())
    environ["RUNLORE_PROFILE"] = "team"
    choices.append(chosen())
    environ["RUNLORE_PROGRESS"] = "quiet"
    choices.append(chosen())

    assert choices == ["auto", "plain", "live", "auto", "quiet"]
    assert load_settings(environ, project).inline_limit == 1024
    assert load_settings(environ, project).profile == "team"


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("RUNLORE_DURABILITY", "relaxed", "durability", "relaxed"),
        ("RUNLORE_INLINE_LIMIT", "0", "inline_limit", 0),
        ("RUNLORE_LOG_LIMIT", "2 GiB", "log_limit", 2 * 1024**3),
        ("RUNLORE_LOG_LIMIT", "5mb", "log_limit", 5 * 1024**2),
        ("RUNLORE_ENABLE_CACHE", "Off", "enable_cache", False),
        ("RUNLORE_ENABLE_CACHE", "1", "enable_cache", True),
        ("RUNLORE_SECRETS", "token, password", "secrets", ("token", "password")),
        ("RUNLORE_PICKLE", "never", "pickle", "never"),
        ("RUNLORE_USER", "ada", "user", "ada"),
    ],
)
def test_values_are_read(environ: dict[str, str], variable: str, text: str, name: str, value: object) -> None:
    """Each setting reads its environment variable as its own type."""
    assert getattr(load_settings(environ | {variable: text}, "/"), name) == value


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("RUNLORE_DURABILITY", "fast"),
        ("RUNLORE_INLINE_LIMIT", "-1"),
        ("RUNLORE_INLINE_LIMIT", "much"),
        ("RUNLORE_INLINE_LIMIT", "1 XB"),
        ("RUNLORE_ENABLE_CACHE", "maybe"),
        ("RUNLORE_PROFILE", "absent"),
        ("RUNLORE_SETTINGS", "/not/there.toml"),
    ],
)
def test_malformed_values_are_refused(environ: dict[str, str], variable: str, text: str) -> None:
    """A value that a setting cannot take is an error that names it."""
    with pytest.raises(ConfigurationError, match=text.lstrip("-")):
        load_settings(environ | {variable: text}, "/")


def test_unknown_keys_are_refused(environ: dict[str, str], project: Path) -> None:
    """An unknown key is an error that names the file, the key and the one that was probably meant."""
    _project_file(project, "enable_cash = true")
    with pytest.raises(ConfigurationError, match=r"settings\.toml: .*'enable_cash'.*'enable_cache'"):
        load_settings(environ, project)
    _project_file(project, "enable_cache = [")
    with pytest.raises(ConfigurationError, match="not TOML"):
        load_settings(environ, project)
    _project_file(project, "inline_limit = true")
    with pytest.raises(ConfigurationError, match="inline_limit"):
        load_settings(environ, project)


@pytest.mark.parametrize("text", ['pickle = "trust"', 'profile = "p"\n[profiles.p]\npickle = "trust"'])
def test_a_project_cannot_trust_pickles(environ: dict[str, str], project: Path, text: str) -> None:
    """A project's file may come from a stranger, so it cannot loosen the pickle policy; the user's own can."""
    _project_file(project, text)
    with pytest.raises(ConfigurationError, match="stranger"):
        load_settings(environ, project)
    _project_file(project, "")
    _user_file(environ, text)
    assert load_settings(environ, project).pickle == "trust"


def test_the_table_is_complete() -> None:
    """Every setting has a row, a variable of its own and a description; relative homes in files are the file's."""
    places = {"home_reason", "user_folder"}

    assert {row.name for row in SETTINGS} == {*Settings._fields} - places
    assert len({row.variable for row in SETTINGS}) == len(SETTINGS)
    assert all(row.variable.startswith("RUNLORE_") and row.doc.endswith(".") for row in SETTINGS)


def test_a_relative_home_belongs_to_its_file(environ: dict[str, str], project: Path) -> None:
    """`home` in a file is taken from the file's folder, not from the working directory."""
    _project_file(project, 'home = "../records"')

    assert load_settings(environ, project).home == project / "records"
