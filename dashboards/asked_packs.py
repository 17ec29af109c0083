"""The packs that a question is about."""

from __future__ import annotations

from dashboards.parts import Parts
from roomleft.packs import Pack
from roomleft.platform_names import unknown_platform


def asked_pack(parts: Parts, platform: str) -> Pack:
    """The pack of a platform. Raises InputError where there is none."""
    packs = dict(parts.packs)  # a reload meanwhile changes those in force
    if platform not in packs:
        raise unknown_platform(platform, packs)
    return packs[platform]


def packs_asked(parts: Parts, platform: str | None) -> list[Pack]:
    """The platform a question names, or all in force. Raises InputError for one that is unknown."""
    return list(dict(parts.packs).values()) if platform is None else [asked_pack(parts, platform)]
