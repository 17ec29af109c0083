"""Every error Roomleft raises on purpose, as one tree.

RoomleftError                what went wrong, where, and what to do about it
├─ SettingsError             roomleft.toml or a ROOMLEFT_* variable is wrong
├─ PackError                 a pack, price file or pack test that a person wrote is wrong
├─ InputError                rows, a request or a file from outside are wrong
│  ├─ TooLarge               a body is over the limit, compressed or not
│  └─ QueryRefused           a question the SQL gate does not let through
├─ CollectError              a source could not be read (retryable or not)
├─ DeliveryError             somebody outside who is to be told did not take it
├─ StoreError                the warehouse or the state database refused
│  ├─ StoreLocked            another process owns the file
│  ├─ StoreCorrupt           the file is not a warehouse, or is damaged
│  ├─ SchemaTooNew           the store was written by a newer program
│  ├─ DiskFull               nothing more fits
│  ├─ StoreConflict          another writer changed the same rows first; the work may be done again
│  └─ QueryTimeout           a question took longer than its limit
├─ QueueFull                 the write queue is full: try again after `retry_after_s`
├─ Refused                   not signed in, or not allowed
│  └─ UsersHidden            what single users cost, asked for without the finance role
└─ PortInUse                 something else listens there
"""

from __future__ import annotations


class RoomleftError(Exception):
    """Something went wrong that a person can act on.

    `what` is the fault in words, `where` the file, path, table or address, `hint` what to do. All three are plain text.
    """

    def __init__(self, what: str, where: str = "", hint: str = "") -> None:
        super().__init__(what, where, hint)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.hint})" if self.hint else text

    def as_dict(self) -> dict[str, str]:
        """The one JSON shape of every HTTP error: `{"what", "where", "hint"}`."""
        return {"what": self.what, "where": self.where, "hint": self.hint}


class SettingsError(RoomleftError):
    """A setting is unknown, of the wrong type or out of range."""


class PackError(RoomleftError):
    """A file a person wrote (pack, prices, pack test) is wrong."""


class InputError(RoomleftError):
    """Rows, a request or a file from outside are wrong."""


class TooLarge(InputError):
    """A body or file is over its limit, before or after decompression."""


class QueryRefused(InputError):
    """The SQL gate does not let this question through."""


class CollectError(RoomleftError):
    """A source could not be read. `retryable` says whether the same call may work later."""

    def __init__(
        self, what: str, where: str = "", hint: str = "", *, retryable: bool = True, retry_after_s: float | None = None
    ) -> None:
        super().__init__(what, where, hint)
        self.retryable = retryable
        self.retry_after_s = retry_after_s


class DeliveryError(RoomleftError):
    """Somebody outside who is to be told (a channel, the heartbeat's address) did not take it."""


class StoreError(RoomleftError):
    """The warehouse or the state database refused."""


class StoreLocked(StoreError):
    """Another process owns the warehouse file."""


class StoreCorrupt(StoreError):
    """The file is not a Roomleft warehouse, or it is damaged."""


class SchemaTooNew(StoreError):
    """The store was written by a newer program than this one."""


class DiskFull(StoreError):
    """The disk holding the warehouse is full; nothing was acknowledged."""


class StoreConflict(StoreError):
    """Another writer changed the same rows first; nothing was stored and the same work may be done again."""


class QueryTimeout(StoreError):
    """A question took longer than its limit and was stopped."""


class QueueFull(RoomleftError):
    """The write queue is full; the same rows may be sent again after `retry_after_s` seconds."""

    def __init__(self, what: str, where: str = "", hint: str = "", *, retry_after_s: float = 1.0) -> None:
        super().__init__(what, where, hint)
        self.retry_after_s = retry_after_s


class Refused(RoomleftError):
    """Not signed in (`status` 401) or not allowed (403)."""

    def __init__(self, what: str, where: str = "", hint: str = "", *, status: int = 401) -> None:
        super().__init__(what, where, hint)
        self.status = status


class UsersHidden(Refused):
    """What single users cost or use was asked for by somebody without the finance role."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"{NEEDS_FINANCE[:1].lower()}{NEEDS_FINANCE[1:]}: what single users cost",
            where,
            "ask somebody of the finance role, or an administrator for it; a program needs a token of the scope finance",
            status=403,
        )


NEEDS_FINANCE = "Needs the finance role"
"""What stands in the place of what somebody may not see."""


class PortInUse(RoomleftError):
    """Something else already listens on the address."""
