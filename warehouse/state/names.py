"""Names of people: what one may be, and when two are the same."""

from __future__ import annotations

import unicodedata

from roomleft.errors import InputError

LONGEST_NAME = 100
LONGEST_EMAIL = 254
RESERVED = frozenset({"owner", "local", "roomleft", "command line", "somebody", "nobody", "proxy", "server"})
"""Words by which the audit names those who are no user."""
ONE_LINE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the direction of what follows: a name with one could pose as another."""


def key_of(name: str) -> str:
    """The form in which names are compared: NFKC, without case."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def checked_name(name: str) -> str:
    """A new person's name as it is kept: NFKC, without space around it. Raises InputError for one that cannot be told apart or shown on a line."""
    kept = unicodedata.normalize("NFKC", name).strip()
    where, hint = "name", "for example ada, or ada@example.org"
    if not kept:
        raise InputError("a user needs a name", where, hint)
    if len(kept) > LONGEST_NAME:
        raise InputError(f"a name has at most {LONGEST_NAME} characters", where, hint)
    if any(unicodedata.category(letter) in ONE_LINE or letter in TURNING for letter in kept) or set(kept) & set('/\\<>"'):
        raise InputError("this name has a character that a name cannot have", where, hint)
    if key_of(kept) in RESERVED:
        raise InputError(f"{kept!r} stands for no single person in the audit", where, "choose another name")
    return kept


def checked_words(words: str, where: str) -> str:
    """A display name as it is kept; may be empty. Raises InputError."""
    kept = unicodedata.normalize("NFC", words).strip()
    if len(kept) > LONGEST_NAME or any(unicodedata.category(each) in ONE_LINE or each in TURNING for each in kept):
        raise InputError(f"at most {LONGEST_NAME} characters, on one line", where, "for example Ada Lovelace")
    return kept


def checked_email(email: str) -> str:
    """An address as it is kept; may be empty. Raises InputError."""
    kept = email.strip()
    local, _, domain = kept.rpartition("@")
    plain = kept.isprintable() and not any(letter.isspace() for letter in kept) and len(kept) <= LONGEST_EMAIL
    if kept and not (local and domain and plain):
        raise InputError("this is not an e-mail address", "email", "for example ada@example.org, or leave it empty")
    return kept
