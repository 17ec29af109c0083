"""A server's TLS certificate: until when it holds, and whether a client that knows only public authorities would accept it."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from socket import socket

EXPIRED, NOT_YET_VALID, SELF_SIGNED, HOST_MISMATCH, ADDRESS_MISMATCH = 10, 9, 18, 62, 64
"""Verdicts of OpenSSL (X509_V_ERR_*)."""
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows. `fault` in words: why a client refuses it, '' if it does not."""

    not_before: datetime
    not_after: datetime
    is_self_signed: bool
    fault: str = ""

    def days_left(self, now: datetime) -> float:
        """How long it still holds, in days; below zero once it has expired."""
        return (self.not_after - now) / DAY


def context(*, verified: bool = True, anchor: bytes | None = None) -> ssl.SSLContext:
    """A client's settings: public authorities (and those of SSL_CERT_FILE), nothing verified, or one certificate trusted for itself."""
    made = ssl.create_default_context()
    if anchor is not None:
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.load_verify_locations(cadata=anchor)
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not verified:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def examined(connect: Callable[[], socket], host: str) -> Certificate:
    """Look at the certificate of a server, whether it can be verified or not. `connect` opens a connection each time it is called.

    Raises OSError (ssl.SSLError is one) when no handshake succeeds even without verification.
    """
    fault: ssl.SSLCertVerificationError | None = None
    try:
        return certificate_of(_shown(connect, host, context()))
    except ssl.SSLCertVerificationError as error:
        fault = error
    der = _shown(connect, host, context(verified=False))
    found = certificate_of(der)
    words = [in_words(fault, host, found)]
    if fault.verify_code not in (EXPIRED, NOT_YET_VALID, HOST_MISMATCH, ADDRESS_MISMATCH):
        # The chain failed first; trusted for itself, the certificate shows whether its name is right too.
        try:
            _shown(connect, host, context(anchor=der))
        except ssl.SSLCertVerificationError as second:
            words.append(in_words(second, host, found))
        except OSError:
            pass
    return Certificate(found.not_before, found.not_after, found.is_self_signed, "; ".join(dict.fromkeys(words)))


def in_words(error: ssl.SSLCertVerificationError, host: str, found: Certificate | None = None) -> str:
    """Why a certificate is refused, as a person would say it."""
    if error.verify_code == EXPIRED:
        return "the certificate has expired" + (f" on {found.not_after:%Y-%m-%d}" if found else "")
    if error.verify_code == NOT_YET_VALID:
        return "the certificate is not valid yet" + (f", before {found.not_before:%Y-%m-%d}" if found else "")
    if error.verify_code == SELF_SIGNED or (found is not None and found.is_self_signed):
        return "the certificate is self-signed: only clients that were told of it accept it"
    if error.verify_code in (HOST_MISMATCH, ADDRESS_MISMATCH):
        return f"the certificate is not for {host}"
    return f"the certificate's chain leads to no authority that is known here ({error.verify_message})"


def _shown(connect: Callable[[], socket], host: str, settings: ssl.SSLContext) -> bytes:
    with connect() as plain, settings.wrap_socket(plain, server_hostname=host) as secured:
        return secured.getpeercert(binary_form=True) or b""


def certificate_of(der: bytes) -> Certificate:
    """What a certificate in DER says, without a judgement of it. Raises ValueError."""
    return Certificate(*parsed(der))


def parsed(der: bytes) -> tuple[datetime, datetime, bool]:
    """(not before, not after, whether issuer and subject are the same) of a certificate in DER (RFC 5280, 4.1). Raises ValueError."""
    _, certificate, _ = _element(der)
    _, body, _ = _element(certificate)
    fields: list[tuple[int, bytes]] = []
    while body and len(fields) < 7:
        tag, content, body = _element(body)
        if tag != 0xA0:  # the version, which may be left out
            fields.append((tag, content))
    if len(fields) < 5:
        raise ValueError("not a certificate")
    issuer, validity, subject = fields[2][1], fields[3][1], fields[4][1]
    first_tag, first, rest = _element(validity)
    last_tag, last, _ = _element(rest)
    return _instant(first_tag, first), _instant(last_tag, last), issuer == subject


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """The first element's tag and content, and what follows it."""
    if len(der) < 2:
        raise ValueError("cut off")
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(der[2 : 2 + size], "big"), 2 + size
    if len(der) < start + length:
        raise ValueError("cut off")
    return tag, der[start : start + length], der[start + length :]


def _instant(tag: int, text: bytes) -> datetime:
    """UTCTime (tag 0x17, two digits of the year, 1950 to 2049) or GeneralizedTime (0x18)."""
    said = text.decode("ascii")
    if tag == 0x17:
        said = ("20" if int(said[:2]) < 50 else "19") + said
    return datetime.strptime(said, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
