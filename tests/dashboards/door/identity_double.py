"""A small provider of identities on loopback that keeps the rules of the code flow, and lies where a test tells it to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.fixtures.loopback import answering

CLIENT, SECRET = "roomleft", "s3cret of the client"


class Double:
    """The provider. `claims` go into the ID token over what is true; None takes a claim out. `lies` name what else is wrong."""

    def __init__(self) -> None:
        self.url = ""
        self.keys = [RSAKey.generate_key(2048, {"kid": "first"})]
        self.claims: dict[str, Any] = {
            "sub": "u-1",
            "preferred_username": "grace",
            "email": "grace@example.org",
            "email_verified": True,
        }
        self.lies: set[str] = set()
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.userinfo: dict[str, Any] | None = None

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish it alone."""
        self.keys = [RSAKey.generate_key(2048, {"kid": secrets.token_hex(4)})]

    def sign_in(self, location: str) -> str:
        """What a person does at the provider: the address that the browser is sent back to."""
        given = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        assert given["response_type"] == "code"
        assert given["code_challenge_method"] == "S256"
        assert given["client_id"] == CLIENT
        assert "openid" in given["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = given
        return f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state']})}"

    def metadata(self) -> dict[str, Any]:
        """The discovery document."""
        issuer = "http://127.0.0.1:1" if "issuer" in self.lies else self.url
        found = {"issuer": issuer, "authorization_endpoint": f"{self.url}/authorize", "token_endpoint": f"{self.url}/token",
                 "jwks_uri": f"{self.url}/keys"}  # fmt: skip
        if "plain http" in self.lies:
            found["token_endpoint"] = "http://elsewhere.example/token"
        return found | ({"userinfo_endpoint": f"{self.url}/userinfo"} if self.userinfo is not None else {})

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """The token endpoint: a code works once, for the client, address and verifier it was made for."""
        user, _, password = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        flow = self.codes.pop(form.get("code", ""), None)
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        )
        if (unquote(user), unquote(password).replace("+", " ")) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        if flow is None or challenge != flow["code_challenge"] or form.get("redirect_uri") != flow["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        access = secrets.token_urlsafe(8)
        half = hashlib.sha256(access.encode()).digest()[:16]
        now = int(time.time())
        true = {"iss": self.url, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": flow["nonce"],
                "at_hash": base64.urlsafe_b64encode(half).rstrip(b"=").decode()}  # fmt: skip
        claims = {name: value for name, value in {**true, **self.claims}.items() if value is not None}
        return 200, {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": self._signed(claims)}

    def _signed(self, claims: dict[str, Any]) -> str:
        if "alg none" in self.lies:
            head, body = (
                base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "none"}, claims)
            )
            return f"{head}.{body}."
        if "shared secret" in self.lies:  # signed with what everybody may read
            text = ".".join(_encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "first"}, claims))
            return f"{text}.{_encoded(hmac.digest(self.keys[0].as_pem(private=False), text.encode(), 'sha256'))}"
        key = RSAKey.generate_key(2048, {"kid": self.keys[0].kid}) if "another key" in self.lies else self.keys[0]
        return jwt.encode({"alg": "RS256", "kid": key.kid}, claims, key)


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@contextmanager
def provider_double() -> Iterator[Double]:
    """A running one."""
    double = Double()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            double.asked.append(self.path)
            if self.path == "/.well-known/openid-configuration":
                self._say(200, double.metadata(), b"<p>" if "nonsense" in double.lies else None)
            elif self.path == "/keys":
                self._say(200, {"keys": [key.as_dict(private=False) for key in double.keys]})
            elif self.path == "/userinfo":
                self._say(200, double.userinfo or {})
            else:
                self._say(404, {})

        def do_POST(self) -> None:
            double.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._say(*double.token(form, self.headers.get("authorization", "")))

        def _say(self, status: int, document: dict[str, Any], text: bytes | None = None) -> None:
            text = text or json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    with answering(Handler) as double.url:
        yield double
