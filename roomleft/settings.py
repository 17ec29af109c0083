"""Every setting, declared once: name, default, meaning. Read from `roomleft.toml` and `ROOMLEFT_*`, the environment winning.

docs/settings.md lists the same names; a test holds the two together.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from roomleft.errors import SettingsError
from roomleft.settings_sign_in import OidcProvider, TrustedProxies, oidc_providers, trusted_proxies

ROOT = Path(__file__).resolve().parent.parent
"""The checkout or image this program runs from."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One declared setting. `default` also fixes its type; `low` and `high` bound a number, both allowed."""

    name: str
    default: str | int | float | bool | tuple[str, ...]
    meaning: str
    low: float | None = None
    high: float | None = None


SETTINGS = (
    Setting("data_dir", "", "Folder of the warehouse file, the state file and server.json; ./var when empty"),
    Setting(
        "warehouse_url",
        "",
        "Where facts live: duckdb:///FILE or ducklake+postgresql://USER@HOST/DB?data_path=DIR; a file in data_dir when empty",
    ),
    Setting(
        "state_url",
        "",
        "Where people, tokens, leases and job runs live: sqlite:///FILE or postgresql://…; a file in data_dir when empty",
    ),
    Setting("packs_dir", str(ROOT / "packs"), "Folder of the platform packs"),
    Setting("packs", (), "Which packs of packs_dir to put in force besides your own and those with a source or data"),
    Setting("host", "127.0.0.1", "Address to listen on; loopback unless told otherwise"),
    Setting("port", 8470, "Port to listen on; 0 takes a free one", 0, 65535),
    Setting("allowed_hosts", (), "Host names browsers may use for this server besides loopback and `host`"),
    Setting("collect_every_s", 10.0, "How often each stream of a source is read", 0.1, 3600),
    Setting("collect_timeout_s", 10.0, "Longest one request to a source may take", 0.1, 300),
    Setting("roll_up_every_s", 10.0, "How often changed buckets are rolled up", 0.1, 3600),
    Setting("measure_every_s", 15.0, "How often every limit is measured", 0.1, 3600),
    Setting("retain_every_h", 24.0, "How often old rows are deleted", 0.1, 720),
    Setting("body_limit_mb", 64, "Largest request body, after decompression", 1, 1024),
    Setting("queue_rows", 200_000, "Rows the write queue holds before it answers 429", 1000, 10_000_000),
    Setting("query_time_limit_s", 10.0, "Longest a question may run", 0.1, 600),
    Setting("query_row_limit", 10_000, "Most rows a question may return", 1, 1_000_000),
    Setting("price_list_stale_days", 45, "After how many days without a check a price list is called old", 1, 3650),
    Setting(
        "public_url", "", "Address at which people open this server, for the links in pages and mail; without it there are none"
    ),
    Setting("alerting_file", "alerting.yaml", "Receivers, routes and windows of alerts; it need not exist"),
    Setting("rules_dir", "", "Folder of alert rules and SLOs of your own; DATA_DIR/rules when empty"),
    Setting("session_hours", 168.0, "How long a browser stays signed in", 0.1, 8760),
    Setting(
        "trusted_proxies", (), "Addresses or networks of the proxies in front of the server that are believed; none by default"
    ),
    Setting("proxy_user_header", "", "The header in which a trusted proxy names who comes; empty: proxies sign nobody in"),
    Setting("proxy_groups_header", "", "The header with that person's groups, comma between"),
    Setting("proxy_email_header", "", "The header with that person's e-mail address"),
    Setting("proxy_name_header", "", "The header with the name that person wants to be called by"),
    Setting("proxy_roles", (), "Which group has which role: `staff=viewer`, `sre=oncall`; of several the highest counts"),
    Setting("proxy_default_role", "", "The role of whoever has none of those groups; empty: they are refused"),
)
BY_NAME = {setting.name: setting for setting in SETTINGS}
SOURCE_KEYS = ("url", "token", "token_env")
SOURCE_VARIABLE = re.compile(r"ROOMLEFT_SOURCE_([A-Z0-9_]+?)_(URL|TOKEN)")


@dataclass(frozen=True, slots=True)
class Source:
    """A platform's API: where it is, and the bearer token for it."""

    platform: str
    url: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings in force, typed. Names and meanings: `SETTINGS`."""

    data_dir: Path
    warehouse_url: str
    state_url: str
    packs_dir: Path
    packs: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8470
    allowed_hosts: tuple[str, ...] = ()
    collect_every_s: float = 10.0
    collect_timeout_s: float = 10.0
    roll_up_every_s: float = 10.0
    measure_every_s: float = 15.0
    retain_every_h: float = 24.0
    body_limit_mb: int = 64
    queue_rows: int = 200_000
    query_time_limit_s: float = 10.0
    query_row_limit: int = 10_000
    price_list_stale_days: int = 45
    public_url: str = ""
    alerting_file: Path = Path("alerting.yaml")
    rules_dir: Path = Path("rules")
    session_hours: float = 168.0
    trusted_proxies: tuple[str, ...] = ()
    proxy_user_header: str = ""
    proxy_groups_header: str = ""
    proxy_email_header: str = ""
    proxy_name_header: str = ""
    proxy_roles: tuple[str, ...] = ()
    proxy_default_role: str = ""
    sources: tuple[Source, ...] = ()
    demo: bool = False
    oidc: tuple[OidcProvider, ...] = ()
    proxies: TrustedProxies = field(default_factory=TrustedProxies)


def load_settings(
    env: Mapping[str, str] = os.environ,
    file: Path | None = None,
    overrides: Mapping[str, Any] | None = None,
    *,
    demo: bool = False,
) -> Settings:
    """Settings from `file` (default ./roomleft.toml, which may be absent), then the environment, then `overrides`.

    Raises SettingsError naming the file or variable, and the nearest declared name for an unknown one.
    """
    path = file or Path(env.get("ROOMLEFT_SETTINGS", "roomleft.toml"))
    values: dict[str, Any] = {setting.name: setting.default for setting in SETTINGS}
    sources: dict[str, dict[str, str]] = {}
    oidc: list[OidcProvider] = []
    if path.exists():
        _read_file(path, values, sources, env, oidc)
    elif file is not None or "ROOMLEFT_SETTINGS" in env:
        raise SettingsError("no such settings file", str(path), "create it, or leave ROOMLEFT_SETTINGS unset")
    _read_environment(env, values, sources)
    for name, value in (overrides or {}).items():
        if value is not None:
            values[name] = _typed(BY_NAME[name], value, f"option --{name.replace('_', '-')}")
    data_dir = Path(values["data_dir"] or ("var/demo" if demo else "var")).resolve()
    values["data_dir"] = data_dir
    values["packs_dir"] = Path(values["packs_dir"]).resolve()
    values["alerting_file"] = Path(values["alerting_file"]).resolve()
    values["rules_dir"] = Path(values["rules_dir"] or data_dir / "rules").resolve()
    values["warehouse_url"] = values["warehouse_url"] or f"duckdb:///{data_dir / 'warehouse.duckdb'}"
    values["state_url"] = values["state_url"] or f"sqlite:///{data_dir / 'state.db'}"
    return Settings(
        **values,
        sources=tuple(_source(slug, keys) for slug, keys in sorted(sources.items())),
        demo=demo,
        oidc=tuple(oidc),
        proxies=trusted_proxies(values),
    )


def _read_file(
    path: Path,
    values: dict[str, Any],
    sources: dict[str, dict[str, str]],
    env: Mapping[str, str],
    oidc: list[OidcProvider],
) -> None:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"the settings file cannot be read: {error.strerror}", str(path), "name a file you may read"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"not UTF-8 text: {error.reason} at byte {error.start}", str(path), "save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"not valid TOML: {error}", str(path), "fix the line named") from error
    for name, value in document.items():
        if name == "sources":
            _read_sources(path, value, sources, env)
        elif name == "oidc":
            oidc += oidc_providers(value, f"{path}: oidc", env)
        elif name in BY_NAME:
            values[name] = _typed(BY_NAME[name], value, f"{path}: {name}")
        else:
            raise _unknown(name, f"{path}: {name}", [*BY_NAME, "sources", "oidc"])


def _read_sources(path: Path, table: Any, sources: dict[str, dict[str, str]], env: Mapping[str, str]) -> None:
    if not isinstance(table, dict) or not all(isinstance(keys, dict) for keys in table.values()):
        raise SettingsError("sources must be tables", f"{path}: sources", 'write [sources.PLATFORM] and url = "…" under it')
    for slug, keys in table.items():
        for key, value in keys.items():
            if key not in SOURCE_KEYS:
                raise _unknown(key, f"{path}: sources.{slug}.{key}", SOURCE_KEYS)
            if not isinstance(value, str):
                raise SettingsError("must be text", f"{path}: sources.{slug}.{key}", "put it in quotes")
        entry = dict(keys)
        if variable := entry.pop("token_env", None):
            if variable not in env:
                raise SettingsError(
                    f"the variable {variable} is not set", f"{path}: sources.{slug}.token_env", f"export {variable}=TOKEN"
                )
            entry["token"] = env[variable]
        sources[slug] = entry


def _read_environment(env: Mapping[str, str], values: dict[str, Any], sources: dict[str, dict[str, str]]) -> None:
    known = {f"ROOMLEFT_{name.upper()}": name for name in BY_NAME}
    apart = {"ROOMLEFT_SETTINGS", "ROOMLEFT_SHARED", "ROOMLEFT_TOKEN"}
    for variable, text in env.items():
        if not variable.startswith("ROOMLEFT_") or variable in apart or variable.startswith("ROOMLEFT_TEST_"):
            continue
        if match := SOURCE_VARIABLE.fullmatch(variable):
            sources.setdefault(match[1].lower(), {})[match[2].lower()] = text
        elif variable in known:
            values[known[variable]] = _typed(BY_NAME[known[variable]], text, variable)
        else:
            raise _unknown(variable, variable, list(known))


def _typed(setting: Setting, value: Any, where: str) -> Any:
    kind = type(setting.default)
    readers: dict[type, Callable[[Any], Any]] = {str: _text, int: _whole, float: _number, bool: _truth, tuple: _words}
    try:
        typed = readers[kind](value)
    except (TypeError, ValueError) as error:
        raise SettingsError(
            f"{value!r} does not fit {setting.name}: {error}", where, f"{setting.meaning}; default {setting.default!r}"
        ) from error
    if setting.low is not None and not setting.low <= typed <= (setting.high or float("inf")):
        raise SettingsError(f"{typed} is out of range", where, f"{setting.name} may be {setting.low:g} to {setting.high:g}")
    return typed


def _text(value: Any) -> str:
    if not isinstance(value, (str, Path)):
        raise TypeError("it must be text")
    return str(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise TypeError("it must be a whole number")
    return int(value)


def _number(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError("it must be a number")
    return float(value)


def _truth(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("1", "true", "yes", "on"):
        return True
    if str(value).lower() in ("0", "false", "no", "off", ""):
        return False
    raise ValueError("it must be true or false")


def _words(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    if isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value):
        return tuple(value)
    raise TypeError("it must be a list of words")


def _source(slug: str, keys: dict[str, str]) -> Source:
    url = keys.get("url", "")
    if not _is_address(url):
        raise SettingsError(f"{url!r} is not a URL", f"sources.{slug}.url", "write for example https://platform.example/api")
    return Source(slug, url.rstrip("/"), keys.get("token", ""))


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not re.search(r"\s", url)
    except ValueError:  # a port that is no number, or above 65535
        return False


def _unknown(name: str, where: str, known: list[str] | tuple[str, ...]) -> SettingsError:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(sorted(known))}"
    return SettingsError(f"unknown setting {name}", where, hint)
