"""People over HTTP: who may sign in and as what (admin), and everybody's own account: sessions and password."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import APIRouter, Request, Response

from dashboards.api.answers import answer
from dashboards.api.bodies import read_object
from dashboards.door.asking import asking
from dashboards.door.hashing import check_room, hashed_in_turn
from dashboards.door.refusals import TooManyTries
from dashboards.door.throttle import Growing
from dashboards.parts import Parts
from roomleft.errors import InputError, Refused
from roomleft.settings_sign_in import OidcProvider
from warehouse.state import Principal, Role, Scope, SignIn, StateDb, User, Users
from warehouse.state.open_sessions import OpenSession, OpenSessions
from warehouse.state.passwords import Passwords

PEOPLE = "/api/v1/people"
SESSIONS = "/api/v1/sessions"
ACCOUNT = "/api/v1/account"
ADDED = {"name": str, "role": str, "email": str, "display_name": str, "source": str, "password": str}
CHANGED = {"role": str, "email": str, "display_name": str, "disabled": bool, "force": bool}
ADD_DESCRIBED = (
    "`name`, `role` (viewer, oncall, finance, admin); `email`, `display_name`; `source` (local without it; `oidc:SLUG` or `proxy` for somebody that this "
    "provider, or a proxy, will vouch for under that `email`; `oidc` will do where there is one provider). The answer's `link` signs a local person in once; with a `password` there is none."
)
CHANGE_DESCRIBED = (
    "Any of `role`, `email`, `display_name`, `disabled`. A role holds for live sessions within seconds, and disabling ends them. The last administrator "
    "who can sign in stays one, but for a program's token that says `force`."
)


class WrongPassword(InputError):
    """A guess at a password that is not the present one."""


def make_people_api(parts: Parts) -> APIRouter:
    """Routes below /api/v1/people, /api/v1/sessions and /api/v1/account."""
    router = APIRouter()
    _people(router, parts)
    _sessions(router, parts.state)
    _account(router, parts.state)
    return router


def _people(router: APIRouter, parts: Parts) -> None:
    state = parts.state
    users = Users(state)

    def url(request: Request, secret: str) -> str:
        return f"{(parts.settings.public_url or str(request.base_url)).rstrip('/')}/sign-in?link={secret}"

    @router.get(PEOPLE, summary="Who may sign in, as what, and who is (admin)", tags=["self"])
    async def everybody() -> Response:
        admin()
        return answer(await asyncio.to_thread(people, state))

    @router.post(PEOPLE, summary="Add a person (admin)", description=ADD_DESCRIBED, tags=["self"])
    async def added(request: Request) -> Response:
        who = admin().name
        body = _checked(await read_object(request, '{"name": "ada", "role": "viewer"}'), ADDED)
        made, link = await hashed_in_turn(lambda: add(state, body, who, parts.settings.oidc), PEOPLE)
        return answer({**document(made), "link": url(request, link) if link else None}, 201)

    @router.put(PEOPLE + "/{name}", summary="Change a person (admin)", description=CHANGE_DESCRIBED, tags=["self"])
    async def changed(name: str, request: Request) -> Response:
        asks = admin()
        body = _checked(await read_object(request, '{"role": "oncall"}'), CHANGED)
        force = _forced(asks, bool(body.pop("force", False)))
        values = {**body, **({"role": role_named(body["role"])} if "role" in body else {})}
        return answer(document(await asyncio.to_thread(lambda: users.change(name, asks.name, force=force, **values))))

    @router.delete(PEOPLE + "/{name}", summary="Remove a person and end their sessions (admin)", tags=["self"])
    async def removed(name: str, force: bool = False) -> Response:
        asks = admin()
        forced = _forced(asks, force)
        if not await asyncio.to_thread(lambda: users.remove(name, asks.name, force=forced)):
            raise InputError(f"there is no user {name[:100]!r}", PEOPLE, "read the list again")
        return answer({"name": name, "removed": True})

    @router.post(
        PEOPLE + "/{name}/link",
        summary="A one-time sign-in link for a person; with `reset` their password is forgotten (admin)",
        tags=["self"],
    )
    async def linked(name: str, request: Request) -> Response:
        who = admin().name
        body = _checked(await read_object(request, '{"reset": true}'), {"reset": bool})
        reset = bool(body.get("reset", False))
        secret = await asyncio.to_thread(lambda: SignIn(state).issue_for(name, reset=reset, by=who))
        return answer({"name": name, "link": url(request, secret)}, 201)


def _sessions(router: APIRouter, state: StateDb) -> None:
    sessions = OpenSessions(state)

    @router.get(SESSIONS, summary="Live sessions of everybody, or of one `user` (admin)", tags=["self"])
    async def all_of_them(user: str | None = None) -> Response:
        asks = admin()
        found = await asyncio.to_thread(sessions.list, user)
        return answer([session_document(each, asks) for each in found])

    @router.delete(SESSIONS + "/{session_id}", summary="End a session (admin)", tags=["self"])
    async def ended(session_id: str) -> Response:
        who = admin().name
        return answer({"session_id": (await asyncio.to_thread(sessions.end, session_id, who)).session_id})

    @router.post(
        PEOPLE + "/{name}/sign-out", summary="End every session of a person, and their unused links (admin)", tags=["self"]
    )
    async def out(name: str) -> Response:
        asks = admin()
        user = await asyncio.to_thread(Users(state).get, name)
        count = await asyncio.to_thread(lambda: sessions.end_all(user.name if user else name, asks.name))
        return answer({"name": name, "sessions_ended": count})


def _account(router: APIRouter, state: StateDb) -> None:
    sessions, wrong = OpenSessions(state), Growing(time.monotonic)

    @router.get(ACCOUNT, summary="Who I am, and what I may do", tags=["self"])
    async def me() -> Response:
        asks = asking()
        user = await asyncio.to_thread(Users(state).get, asks.name) if asks.role is not None else None
        about = document(user) if user is not None else {"name": asks.name, "role": None}
        return answer({**about, "scopes": sorted(asks.scopes), "session_id": asks.session})

    @router.get(ACCOUNT + "/sessions", summary="My live sessions", tags=["self"])
    async def mine() -> Response:
        asks = asking()
        found = await asyncio.to_thread(own_sessions, state, asks)
        return answer([session_document(each, asks) for each in found])

    @router.delete(ACCOUNT + "/sessions/{session_id}", summary="End one of my sessions", tags=["self"])
    async def end_mine(session_id: str) -> Response:
        asks = asking()
        # Of somebody else's session nobody learns that there is one.
        if session_id not in {each.session_id for each in await asyncio.to_thread(own_sessions, state, asks)}:
            raise InputError("there is no such session, or it is over", "sessions", "read the list again")
        return answer({"session_id": (await asyncio.to_thread(sessions.end, session_id, asks.name)).session_id})

    @router.post(ACCOUNT + "/sign-out-others", summary="End all my sessions but this one", tags=["self"])
    async def end_others() -> Response:
        asks = person()
        count = await asyncio.to_thread(lambda: sessions.end_all(asks.name, asks.name, but=asks.session))
        return answer({"sessions_ended": count})

    @router.post(
        ACCOUNT + "/password",
        summary="Change my password",
        description="`new`, and `present` if there is one. Ends my other sessions.",
        tags=["self"],
    )
    async def password(request: Request) -> Response:
        asks = person()
        body = _checked(await read_object(request, '{"present": "…", "new": "…"}'), {"present": str, "new": str})
        if (pause_s := wrong.pause_s(asks.name)) > 0:  # a session that was left open must not be a place to guess
            raise TooManyTries(ACCOUNT + "/password", pause_s)
        check_room(ACCOUNT + "/password")
        wrong.tried(asks.name)
        try:
            ended = await hashed_in_turn(
                lambda: change_password(state, asks, body.get("present", ""), body.get("new", "")), ACCOUNT + "/password"
            )
        except WrongPassword:
            raise
        except InputError:
            wrong.succeeded(asks.name)  # it is the new one that will not do
            raise
        wrong.succeeded(asks.name)
        return answer({"sessions_ended": ended})


def people(state: StateDb) -> list[Mapping[str, Any]]:
    """Everybody who may sign in, with the number of their live sessions."""
    live = OpenSessions(state).list()
    return [document(user) | {"sessions": sum(each.user == user.name for each in live)} for user in Users(state).list()]


def add(state: StateDb, body: Mapping[str, Any], who: str, providers: Sequence[OidcProvider] = ()) -> tuple[User, str]:
    """Add a person by a checked body: they, and the secret of a link for a local one without a password. Raises InputError, and adds nobody then."""
    users, role = Users(state), role_named(body.get("role", ""))
    terms = {key: body[key] for key in ("email", "display_name") if key in body}
    terms["source"], terms["issuer"] = _comes_by(body.get("source", "local"), providers)
    password = body.get("password")
    if password is not None and terms["source"] != "local":
        raise InputError("whoever signs in elsewhere has no password here", "password", "leave it out")
    made = Passwords(state).made(body.get("name", ""), password) if password is not None else None
    user = users.add(body.get("name", ""), role, who, **terms)
    if made is not None:
        Passwords(state).keep(user, made, who)
        return users.get(user.name) or user, ""
    return user, SignIn(state).issue_for(user.name, by=who) if user.source == "local" else ""


def _comes_by(source: str, providers: Sequence[OidcProvider]) -> tuple[str, str]:
    """How a person will come, and the only issuer whose word for them counts."""
    kind, _, slug = source.partition(":")
    if kind != "oidc":
        return source, ""
    issuers = {each.slug: each.issuer for each in providers}
    slug = slug or (next(iter(issuers)) if len(issuers) == 1 else "")
    if slug not in issuers:
        hint = (
            f"say {' or '.join(f'oidc:{each}' for each in issuers)}" if issuers else "write [oidc.NAME] into roomleft.toml first"
        )
        raise InputError(f"there is no provider {slug[:40]!r}" if slug else "it is not clear which provider", "source", hint)
    return kind, issuers[slug]


def change_password(state: StateDb, asks: Principal, present: str, new: str) -> int:
    """Change the password of who asks; how many other sessions ended. Raises InputError."""
    user, passwords = Users(state).get(asks.name), Passwords(state)
    if user is None:
        raise InputError("there is no account to change", "password", "sign in as a person")
    if user.has_password and passwords.verify(user.name, present) is None:
        raise WrongPassword("this is not the present password", "present", "an administrator can give you a link instead")
    return passwords.set(user.name, new, asks.name, but=asks.session)


def own_sessions(state: StateDb, asks: Principal) -> list[OpenSession]:
    """The live sessions of who asks: all of a person's, the one of whoever came by a link of no user, none of a token's."""
    if asks.role is not None:
        return [each for each in OpenSessions(state).list(asks.name) if each.user == asks.name]
    return OpenSessions(state).list(session_id=asks.session) if asks.session else []


def document(user: User) -> dict[str, Any]:
    """One person."""
    return {
        "name": user.name,
        "display_name": user.display_name,
        "email": user.email,
        "role": user.role,
        "source": user.source,
        "has_password": user.has_password,
        "created_at": user.created_at,
        "created_by": user.created_by,
        "disabled_at": user.disabled_at,
        "last_seen_at": user.last_seen_at,
    }


def session_document(session: OpenSession, asks: Principal) -> dict[str, Any]:
    """One session; `this` is the one that asks."""
    names = ("session_id", "who", "user", "how", "browser", "address", "created_at", "expires_at", "last_seen_at")
    return {name: getattr(session, name) for name in names} | {"this": session.session_id == asks.session}


def role_named(word: object) -> Role:
    """The role of that name. Raises InputError."""
    if not isinstance(word, str) or word not in {*Role}:
        raise InputError(f"unknown role {str(word)[:40]!r}", "role", f"one of {', '.join(Role)}")
    return Role(word)


def admin() -> Principal:
    """Who asks, an administrator. Raises Refused for anybody else."""
    asks = asking()
    if not asks.may(Scope.ADMIN):
        raise Refused("this needs the role admin", "people", "ask an administrator", status=403)
    return asks


def person() -> Principal:
    """Who asks, a person with an account. Raises InputError for a token and for whoever came by a link of no user."""
    asks = asking()
    if asks.role is None:
        raise InputError("this is for people with an account", "account", "bin/roomleft user add NAME --role admin makes one")
    return asks


def _forced(asks: Principal, wanted: bool) -> bool:
    if wanted and asks.csrf is not None:
        raise Refused(
            "only the command line or a program's token may force this", "force", "bin/roomleft user … --force", status=403
        )
    return wanted


def _checked(body: dict[str, Any], known: Mapping[str, type]) -> dict[str, Any]:
    for name, value in body.items():
        if name not in known:
            raise InputError(f"unknown field {name[:40]!r}", "body", f"fields: {', '.join(known)}")
        if type(value) is not known[name]:
            raise InputError(
                f"{name} is not a {'yes or no' if known[name] is bool else 'text'}", name, f"fields: {', '.join(known)}"
            )
    return body
