"""One provider of identities: its discovery document, its keys, and the proof that a sign-in is of this client, this browser and this moment."""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from authlib.oidc.discovery import get_well_known_url
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from roomleft.errors import Refused
from roomleft.settings_sign_in import OidcProvider, is_safe_address

log = logging.getLogger("roomleft.sign_in")
http: Any = importlib.import_module("httpx2" if importlib.util.find_spec("httpx2") else "httpx")
"""The library that Authlib speaks HTTP with: the newer one where it is installed. Its errors are others than those of the older."""

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures by a key that only the provider has. `none` and those by a shared secret prove nothing of it."""
TIMEOUT_S = 10.0
LEEWAY_S = 60
"""How far the provider's clock may be off."""
KEEP_S = 3600.0
DOWN_FOR_S = 10.0
"""After a discovery document that could not be read it is asked for again no sooner: whoever waits in line would wait as long again."""
KEYS_ANEW_S = 10.0
"""Unknown keys make the provider's be read again at most this often, or anybody could have them read without end."""
LONGEST_BYTES = 1_000_000
HINT = "try again; if it goes on, an administrator finds the reason in the server's log"


class Provider:
    """Talks to one provider. Everything that fails is a Refused whose text holds nothing the provider said; the log has the reason."""

    def __init__(
        self,
        settings: OidcProvider,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
        verify: Any = True,
    ) -> None:
        self.settings = settings
        self._monotonic = monotonic
        self._now = now
        self._verify = verify
        self._metadata: tuple[dict[str, Any], float] | None = None
        self._keys: tuple[KeySet, float] | None = None
        self._reading = asyncio.Lock()
        self._down_at: float | None = None

    async def authorization_url(self, back: str, state: str, nonce: str, verifier: str) -> str:
        """Where the browser goes to sign in. Raises Refused. Anybody may ask for this: no client is made for it."""
        try:
            metadata = await self._discovered()
        except (http.HTTPError, ValueError, _Untrue) as error:
            raise self._refused("cannot be reached", error, 503) from error
        settings, challenge = self.settings, create_s256_code_challenge(verifier)
        asked = {"nonce": nonce, "code_challenge": challenge, "code_challenge_method": "S256"}
        endpoint = metadata["authorization_endpoint"]
        return str(prepare_grant_uri(endpoint, settings.client_id, "code", back, settings.scopes, state, **asked))

    async def claims(self, code: str, iss: str | None, back: str, verifier: str, nonce: str) -> dict[str, Any]:
        """Who signed in, by their proven claims. `iss` is what the answer said of who it is from (RFC 9207). Raises Refused."""
        try:
            metadata = await self._discovered()
            demanded = metadata.get("authorization_response_iss_parameter_supported") is True
            if (iss is not None or demanded) and iss != metadata["issuer"]:
                raise _Untrue("the answer is of another issuer")
            async with await self._client(back, metadata) as client:
                token = await client.fetch_token(metadata["token_endpoint"], code=code, code_verifier=verifier)
                claims = await self._proven(token, metadata, nonce)
                return await self._completed(client, claims, metadata)
        except (http.HTTPError, _Down) as error:
            raise self._refused("cannot be reached", error, 503) from error
        except (JoseError, OAuthError, _Untrue, ValueError, KeyError, TypeError) as error:
            raise self._refused("gave no proof of who you are", error, 403) from error

    async def _client(self, back: str, metadata: Mapping[str, Any]) -> AsyncOAuth2Client:
        settings = self.settings
        offered = metadata.get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        how = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        return AsyncOAuth2Client(
            settings.client_id, settings.client_secret or None, token_endpoint_auth_method=how if settings.client_secret else "none",
            scope=settings.scopes, redirect_uri=back, code_challenge_method="S256", timeout=TIMEOUT_S, follow_redirects=False,
            verify=await self._trust(),
        )  # fmt: skip

    async def _proven(self, token: Mapping[str, Any], metadata: Mapping[str, Any], nonce: str) -> dict[str, Any]:
        text = token.get("id_token")
        if not isinstance(text, str):
            raise _Untrue("there is no ID token")
        settings = self.settings
        options = {
            "iss": {"essential": True, "value": metadata["issuer"]},
            "aud": {"essential": True, "value": settings.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }
        read = await self._decoded(text, metadata)
        params = {"nonce": nonce, "client_id": settings.client_id, "access_token": token.get("access_token")}
        claims = CodeIDToken(read.claims, read.header, options, params)
        claims.validate(now=int(self._now()), leeway=LEEWAY_S)
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != settings.client_id:
            raise _Untrue("the ID token is for several and does not say that it was made for us")
        if not isinstance(claims["sub"], str) or not claims["sub"]:
            raise _Untrue("the ID token names nobody")
        return dict(claims)

    async def _decoded(self, text: str, metadata: Mapping[str, Any]) -> Any:
        try:
            return jwt.decode(text, await self._key_set(metadata), algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            # The provider may have begun to sign with a new key.
            if not await self._read_keys_anew(metadata):
                raise
            return jwt.decode(text, await self._key_set(metadata), algorithms=list(ALGORITHMS))

    async def _completed(self, client: AsyncOAuth2Client, claims: dict[str, Any], metadata: Mapping[str, Any]) -> dict[str, Any]:
        """The claims with those of the provider's userinfo, where the ID token lacks what is asked for."""
        wanted = {"email", "name", *(part for part in (self.settings.role_claim.partition(".")[0],) if part)}
        if wanted <= set(claims) or not metadata.get("userinfo_endpoint"):
            return claims
        answer = await client.get(metadata["userinfo_endpoint"])
        answer.raise_for_status()
        told = json.loads(answer.content[:LONGEST_BYTES])
        if not isinstance(told, dict) or told.get("sub") != claims["sub"]:
            raise _Untrue("userinfo is of somebody else")
        return {**told, **claims}

    async def _discovered(self) -> dict[str, Any]:
        async with self._reading:
            if self._metadata is None or self._monotonic() - self._metadata[1] > KEEP_S:
                if self._down_at is not None and self._monotonic() - self._down_at < DOWN_FOR_S:
                    raise _Down("it could not be read a moment ago")
                try:
                    self._metadata = (await self._discover(), self._monotonic())
                except (http.HTTPError, ValueError, _Untrue):
                    self._down_at = self._monotonic()
                    raise
            return self._metadata[0]

    async def _discover(self) -> dict[str, Any]:
        found = await self._read(get_well_known_url(self.settings.issuer, external=True))
        if found.get("issuer") != self.settings.issuer:
            raise _Untrue("the discovery document is of another issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            if name == "userinfo_endpoint" and not found.get(name):
                continue
            if not isinstance(found.get(name), str) or not is_safe_address(found[name].partition("?")[0]):
                raise _Untrue(f"its {name} is no safe address")
        return found

    async def _key_set(self, metadata: Mapping[str, Any]) -> KeySet:
        async with self._reading:
            if self._keys is None or self._monotonic() - self._keys[1] > KEEP_S:
                self._keys = (await self._read_keys(metadata), self._monotonic())
            return self._keys[0]

    async def _read_keys_anew(self, metadata: Mapping[str, Any]) -> bool:
        async with self._reading:
            if self._keys is not None and self._monotonic() - self._keys[1] < KEYS_ANEW_S:
                return False
            self._keys = (await self._read_keys(metadata), self._monotonic())
            return True

    async def _read_keys(self, metadata: Mapping[str, Any]) -> KeySet:
        found = await self._read(metadata["jwks_uri"])
        # Keys for encryption, or of a kind that is not known here, sign nothing for us.
        fitting = [key for key in found["keys"] if key.get("kty") in ("RSA", "EC", "OKP") and key.get("use", "sig") == "sig"]
        return KeySet.import_key_set({"keys": fitting})

    async def _read(self, address: str) -> dict[str, Any]:
        async with http.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, verify=await self._trust()) as client:
            answer = await client.get(address, headers={"accept": "application/json"})
        answer.raise_for_status()
        if len(answer.content) > LONGEST_BYTES:
            raise _Untrue("its document is too large")
        found = json.loads(answer.content)
        if not isinstance(found, dict):
            raise _Untrue("its document is no object")
        return found

    async def _trust(self) -> Any:
        """Whom TLS trusts. Reading that takes a core some 30 ms: once, and beside the event loop."""
        if self._verify is True:
            self._verify = await asyncio.to_thread(http.create_ssl_context)
        return self._verify

    def _refused(self, what: str, error: Exception, status: int) -> Refused:
        # The kind of fault and our own words alone: what a provider or a library says may quote a secret or a code.
        said = str(error) if isinstance(error, _Untrue) else getattr(error, "error", "") or getattr(error, "claim", "")
        log.warning("sign-in with provider %s: %s: %s %s", self.settings.slug, what, type(error).__name__, str(said)[:100])
        return Refused(f"{self.settings.title} {what}", f"/sign-in/oidc/{self.settings.slug}", HINT, status=status)


class _Untrue(Exception):
    """What the provider said is not what it must be."""


class _Down(_Untrue):
    """It was not asked, since it gave no good answer a moment ago."""


def claim_at(claims: Mapping[str, Any], path: str) -> Any:
    """What stands at a dotted path: `realm_access.roles`; a claim whose own name has dots comes first. None for nothing."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def as_texts(said: Any) -> tuple[str, ...]:
    """A claim of one text or of several."""
    if isinstance(said, str):
        return (said,)
    return tuple(each for each in said if isinstance(each, str)) if isinstance(said, list) else ()
