"""The secrets of sources, apart from the packs that name them: the environment first, then a file in the data folder that only its owner reads."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path

from roomleft.errors import SettingsError, StoreError

FILE = "credentials.json"
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]{0,99}")
OTHERS = 0o077
"""Rights of the group and of everybody."""


class Credentials:
    """Secrets by the name of a variable. What the environment says wins over what was kept; an empty variable says nothing.

    `get` and `keep` raise SettingsError for a damaged file, `keep` also StoreError where it cannot be written. A file that others may read
    is closed to them when it is read.
    """

    def __init__(self, data_dir: Path, env: Mapping[str, str] = os.environ) -> None:
        self.path = data_dir / FILE
        self._env = env
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Credentials({str(self.path)!r})"

    def get(self, variable: str) -> str | None:
        """The secret of a variable; None if nobody ever gave one."""
        return self._env.get(variable) or self._kept().get(variable)

    def keep(self, variable: str, value: str) -> None:
        """Remember a secret for later starts. The file is replaced as a whole, so a crash leaves the old one or the new one."""
        if not VARIABLE.fullmatch(variable):
            raise SettingsError(
                f"{variable[:100]!r} is not a variable's name", str(self.path), "write for example SHOP_DB_PASSWORD"
            )
        with self._lock:
            self._write(self._kept() | {variable: value})

    def forget(self, variable: str) -> bool:
        """Drop what was kept. False if there was nothing."""
        with self._lock:
            kept = self._kept()
            if variable not in kept:
                return False
            del kept[variable]
            self._write(kept)
            return True

    def kept(self, variable: str) -> str | None:
        """What the file says, whatever the environment says."""
        return self._kept().get(variable)

    def _kept(self) -> dict[str, str]:
        try:
            if self.path.stat().st_mode & OTHERS:
                self.path.chmod(0o600)
            found = json.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            # A parser's own words could quote what it stumbled over.
            raise SettingsError(
                f"the kept secrets cannot be read ({type(error).__name__})",
                str(self.path),
                "repair the file, or remove it and connect again",
            ) from None
        if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
            raise SettingsError(
                "the kept secrets are not a map of texts", str(self.path), "repair the file, or remove it and connect again"
            )
        return found

    def _write(self, secrets: Mapping[str, str]) -> None:
        draft = self.path.with_name(f".{FILE}.{os.getpid()}")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            try:
                with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                    json.dump(dict(sorted(secrets.items())), file, indent=1)
                    file.flush()
                    os.fsync(file.fileno())
                draft.replace(self.path)
            finally:
                draft.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"the secrets cannot be kept: {error.strerror}",
                str(self.path),
                "check the folder's owner, or set ROOMLEFT_DATA_DIR",
            ) from error
