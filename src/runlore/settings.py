"""Settings: what can be chosen, where it is chosen, and where a record lives when nobody chose.

A value comes from the first of: environment variable; the selected profile; the project's ``.runlore/settings.toml``;
the user's ``settings.toml``; the default. A project may come from a stranger, so its file cannot loosen ``pickle``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from runlore.errors import ConfigurationError

APP = "runlore"
FOLDER = ".runlore"
FILE = "settings.toml"


# named tuples, since a dataclass takes over a millisecond to declare, at every start of the command line


class Settings(NamedTuple):
    """Everything that can be chosen about a workspace. See `SETTINGS` for meaning and defaults."""

    #: Folder of the record.
    home: Path
    #: Why it is this folder, for people: ``RUNLORE_HOME``, ``project folder``, ``user data folder``, …
    home_reason: str = "given"
    #: The user's own folder for the installation key; ``None`` where `home` must serve.
    user_folder: Path | None = None
    profile: str | None = None
    store: str | None = None
    artifacts: str | None = None
    durability: Literal["full", "relaxed"] = "full"
    inline_limit: int = 32 * 1024
    log_limit: int = 64 * 1024 * 1024
    enable_cache: bool = True
    enable_artifact_metadata: bool = True
    enable_artifact_visualization: bool = True
    pickle: str = "own"
    progress: Literal["auto", "plain", "live", "quiet"] = "auto"
    secrets: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    capture_code: bool = True
    user: str | None = None
    namespace: str | None = None

    @property
    def files(self) -> Path:
        """Where files belong that are to be registered."""
        return Path(self.home) / "files"


class Setting(NamedTuple):
    """One row of the table of settings: the documentation is tested against it."""

    #: Field of `Settings` and key in ``settings.toml``.
    name: str
    #: Environment variable.
    variable: str
    #: Turns text (environment) or a TOML value into the field's value; raises ValueError saying what it wants.
    parse: Callable[[object], Any]
    #: How values are written, for people.
    form: str
    #: The default, for people.
    default: str
    doc: str


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ValueError("true or false")


def _size(value: object) -> int:
    """Bytes, with an optional unit of powers of 1024: ``32768``, ``32 KiB``, ``64MB``."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str):
        digits = value.strip().rstrip("kKmMgGiIbB ")
        unit = value.strip()[len(digits) :].strip().lower()
        factors = {"": 1, "b": 1, "k": 1024, "kb": 1024, "kib": 1024, "m": 1024**2, "mb": 1024**2, "mib": 1024**2}
        factors |= {"g": 1024**3, "gb": 1024**3, "gib": 1024**3}
        if digits.isascii() and digits.isdigit() and unit in factors:
            return int(digits) * factors[unit]
    raise ValueError("a number of bytes, such as 32768 or 64 MiB")


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
        return tuple(value)
    raise ValueError("names, separated by commas")


def _one_of(*choices: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return str(value)

    return parse


SETTINGS: tuple[Setting, ...] = (
    Setting("home", "RUNLORE_HOME", _text, "folder", "see “Where a record lives”", "Folder that holds the record."),
    Setting("profile", "RUNLORE_PROFILE", _text, "name", "none", "Which `[profiles.NAME]` table of the files counts."),
    Setting("store", "RUNLORE_STORE", _text, "URL", "SQLite in the home folder", "Metadata store shared with a team."),
    Setting("artifacts", "RUNLORE_ARTIFACTS", _text, "URL", "`blobs/` in the home folder", "Store of large values."),
    Setting(
        "durability",
        "RUNLORE_DURABILITY",
        _one_of("full", "relaxed"),
        "full, relaxed",
        "full",
        "`full`: what was reported survives a power cut. `relaxed`: it survives a killed process only, and is faster.",
    ),
    Setting(
        "inline_limit",
        "RUNLORE_INLINE_LIMIT",
        _size,
        "bytes",
        "32 KiB",
        "Values up to this size are rows of the metadata store, larger ones are files.",
    ),
    Setting(
        "log_limit",
        "RUNLORE_LOG_LIMIT",
        _size,
        "bytes",
        "64 MiB",
        "Log text kept of one attempt: its head and its tail.",
    ),
    Setting("enable_cache", "RUNLORE_ENABLE_CACHE", _flag, "true, false", "true", "Whether steps are cached."),
    Setting(
        "enable_artifact_metadata",
        "RUNLORE_ENABLE_ARTIFACT_METADATA",
        _flag,
        "true, false",
        "true",
        "Whether values are described when they are stored (shape, types, …).",
    ),
    Setting(
        "enable_artifact_visualization",
        "RUNLORE_ENABLE_ARTIFACT_VISUALIZATION",
        _flag,
        "true, false",
        "true",
        "Whether pictures of values may be made.",
    ),
    Setting(
        "pickle",
        "RUNLORE_PICKLE",
        _one_of("own", "trust", "never", "deny"),
        "own, trust, never, deny",
        "own",
        "Which pickles load without `trust=True`: those this installation wrote, all, none; `deny`: none is stored or "
        "loaded. A project cannot set `trust`.",
    ),
    Setting(
        "progress",
        "RUNLORE_PROGRESS",
        _one_of("auto", "live", "plain", "quiet"),
        "auto, live, plain, quiet",
        "auto",
        "How a run shows its progress on stderr; `auto` is live on a terminal and plain elsewhere.",
    ),
    Setting("secrets", "RUNLORE_SECRETS", _names, "names", "none", "Parameters whose values are never recorded."),
    Setting("environment", "RUNLORE_ENVIRONMENT", _names, "names", "none", "Environment variables to record, by name."),
    Setting(
        "capture_code", "RUNLORE_CAPTURE_CODE", _flag, "true, false", "true", "Whether a run keeps the project's code."
    ),
    Setting("user", "RUNLORE_USER", _text, "name", "the login name", "Who is recorded as having started a run."),
    Setting(
        "namespace",
        "RUNLORE_NAMESPACE",
        _text,
        "tag",
        "none: everything",
        "Clients and commands see only runs with this tag, such as `user:ann`.",
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def load_settings(environ: Mapping[str, str] | None = None, cwd: str | os.PathLike[str] | None = None) -> Settings:
    """Read the settings that hold for this environment and working directory. Creates nothing.

    Raises `ConfigurationError` for an unknown key, a malformed value, an unreadable file or an unknown profile.
    """
    environ = os.environ if environ is None else environ
    folder = _working_folder(cwd)
    project = _project_folder(folder)
    user_file = _user_file(environ)
    tables = [
        _Table(path, values, strict=path != user_file)
        for path in (project / FILE if project else None, user_file)
        if path is not None and (values := _toml(path))
    ]
    chosen: dict[str, Any] = {}
    profile = environ.get("RUNLORE_PROFILE") or next(filter(None, (table.profile for table in tables)), None)
    for table in reversed(tables):
        chosen |= table.plain()
    if profile is not None:
        chosen |= _profile(profile, tables)
    for setting in SETTINGS:
        text = environ.get(setting.variable)
        if text:
            chosen[setting.name] = _parsed(setting, text, f"the environment variable {setting.variable}")
    chosen["profile"] = profile
    user_folder = _user_folder(environ)
    home, reason = _home(environ, chosen.pop("home", None), folder, project, user_folder)
    if user_folder is None and reason != "RUNLORE_HOME":  # a project may come from a stranger, with the key he chose
        user_folder = _temporary_folder(environ)
    return Settings(home=home, home_reason=reason, user_folder=user_folder, **chosen)


class _Table:
    """A settings file as read."""

    def __init__(self, path: Path, values: dict[str, Any], *, strict: bool) -> None:
        self.path = path
        self.values = values
        #: It belongs to a project, which may come from a stranger.
        self.strict = strict

    @property
    def profile(self) -> str | None:
        value = self.values.get("profile")
        return None if value is None else str(_parsed(_BY_NAME["profile"], value, str(self.path)))

    @property
    def profiles(self) -> dict[str, Any]:
        profiles = self.values.get("profiles", {})
        if not isinstance(profiles, dict) or not all(isinstance(table, dict) for table in profiles.values()):
            raise ConfigurationError(f"{self.path}: 'profiles' holds tables, as in [profiles.team].")
        return profiles

    def plain(self) -> dict[str, Any]:
        return self._read({k: v for k, v in self.values.items() if k not in ("profiles", "profile")}, str(self.path))

    def of_profile(self, name: str) -> dict[str, Any]:
        return self._read(self.profiles.get(name, {}), f"{self.path}, profile {name!r}")

    def _read(self, values: dict[str, Any], where: str) -> dict[str, Any]:
        read = {}
        for key, value in values.items():
            if key not in _BY_NAME or key == "profile":
                raise ConfigurationError(_unknown(key, where))
            read[key] = _parsed(_BY_NAME[key], value, where)
        if read.get("home"):
            read["home"] = str(self.path.parent / read["home"])
        if self.strict and read.get("pickle") == "trust":
            raise ConfigurationError(
                f"{where}: a project's settings cannot trust every pickle, since a project may come from a stranger. "
                "Set RUNLORE_PICKLE=trust, or put it into your own settings file."
            )
        return read


def _profile(name: str, tables: list[_Table]) -> dict[str, Any]:
    if not any(name in table.profiles for table in tables):
        known = sorted({known for table in tables for known in table.profiles})
        there = "there are: " + ", ".join(known) if known else "no settings file has any profile"
        raise ConfigurationError(f"There is no profile {name!r}; {there}.")
    chosen: dict[str, Any] = {}
    for table in reversed(tables):
        chosen |= table.of_profile(name)
    return chosen


def _parsed(setting: Setting, value: object, where: str) -> Any:
    try:
        return setting.parse(value)
    except ValueError as error:
        raise ConfigurationError(f"{where}: {setting.name} is {error}, not {value!r}.") from None


def _unknown(key: str, where: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, _BY_NAME, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{where}: there is no setting {key!r}.{hint} Settings are: {', '.join(_BY_NAME)}."


def _toml(path: Path) -> dict[str, Any]:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    import tomllib

    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}.") from None


# -- places ------------------------------------------------------------------------------------------------------


def _working_folder(cwd: str | os.PathLike[str] | None) -> Path | None:
    try:
        return Path(os.getcwd() if cwd is None else cwd)
    except OSError:  # it was deleted
        return None


def _project_folder(folder: Path | None) -> Path | None:
    """The nearest ``.runlore`` from ``folder`` upwards."""
    if folder is None:
        return None
    candidates = (os.path.join(parent, FOLDER) for parent in _upwards(folder))
    return next((Path(candidate) for candidate in candidates if os.path.isdir(candidate)), None)


def _upwards(folder: Path) -> Iterator[str]:
    """``folder`` and those above it; as text, since settings are read at every run and paths take far longer."""
    parent, below = os.path.abspath(folder), ""
    while parent != below:
        yield parent
        parent, below = os.path.dirname(parent), parent


def _login_folder(environ: Mapping[str, str]) -> str | None:
    """The user's home, from HOME or else the user database; ``None`` where neither knows one."""
    if sys.platform == "win32":
        return environ.get("USERPROFILE") or None
    name = environ.get("HOME")
    if not name:
        import pwd

        try:
            name = pwd.getpwuid(os.getuid()).pw_dir
        except KeyError:
            return None
    return name if os.path.isabs(name) else None


def _place(environ: Mapping[str, str], variable: str, below: str, kind: str) -> Path | None:
    """A folder of this application for this user, by the custom of the system; ``None`` where there is no home."""
    if sys.platform in ("win32", "darwin"):
        if _login_folder(environ) is None:
            return None
        import platformdirs

        name = platformdirs.user_data_dir if kind == "data" else platformdirs.user_config_dir
        return Path(name(APP, appauthor=False))
    custom = environ.get(variable, "")
    if os.path.isabs(custom):
        return Path(os.path.join(custom, APP))
    login = _login_folder(environ)
    return Path(os.path.join(login, below, APP)) if login else None


def _user_folder(environ: Mapping[str, str]) -> Path | None:
    folder = _place(environ, "XDG_DATA_HOME", ".local/share", "data")
    return folder if folder is not None and (os.path.isdir(folder) or _can_hold(folder)) else None


def _user_file(environ: Mapping[str, str]) -> Path | None:
    given = environ.get("RUNLORE_SETTINGS")
    if given:
        if not os.path.isfile(given):
            raise ConfigurationError(f"RUNLORE_SETTINGS names {given!r}, which is not a file.")
        return Path(given)
    folder = _place(environ, "XDG_CONFIG_HOME", ".config", "config")
    return Path(os.path.join(folder, FILE)) if folder else None


def _home(
    environ: Mapping[str, str], given: str | None, cwd: Path | None, project: Path | None, user_folder: Path | None
) -> tuple[Path, str]:
    """Where the record lives, and why."""
    if environ.get("RUNLORE_HOME"):
        return Path(os.path.abspath(str(given))), "RUNLORE_HOME"
    if given is not None:
        return Path(os.path.abspath(given)), "settings file"
    if project is not None:
        return project, "project folder"
    if user_folder is not None:
        return user_folder, "user data folder"
    if cwd is not None and _can_hold(cwd / FOLDER):
        return cwd / FOLDER, "working directory, as there is no user data folder that can be written"
    return _temporary_folder(environ), "temporary folder, as no other can be written; set RUNLORE_HOME to keep it"


def _can_hold(folder: Path) -> bool:
    """Whether ``folder`` can be written, or made."""
    for parent in _upwards(folder):
        if os.path.lexists(parent):
            return os.path.isdir(parent) and os.access(parent, os.W_OK | os.X_OK)
    return False


def _temporary_folder(environ: Mapping[str, str]) -> Path:
    """A temporary folder of this user alone."""
    import tempfile

    base = Path(environ.get("TMPDIR") or tempfile.gettempdir())
    if sys.platform == "win32":
        return base / APP
    user = os.getuid()
    folder = base / f"{APP}-{user}"
    if os.path.lexists(folder):
        there = os.lstat(folder)
        if there.st_uid != user or there.st_mode & 0o022 or not os.path.isdir(folder) or os.path.islink(folder):
            raise ConfigurationError(
                f"There is no place for the record: {folder} belongs to somebody else. Set RUNLORE_HOME to a folder."
            )
    return folder


assert {setting.name for setting in SETTINGS} | {"home_reason", "user_folder"} == {*Settings._fields}
