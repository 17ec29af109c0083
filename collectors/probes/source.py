"""Looks from outside: does an address answer, how long does each phase take, and how long does its certificate hold?

A probe that finds its target down has worked: the source was read, the target's own check fails.
"""

from __future__ import annotations

import errno
import ssl
from dataclasses import dataclass
from datetime import datetime
from socket import gaierror, socket
from urllib.parse import urlsplit

from collectors.look import Look
from collectors.own_network import OwnNetwork, is_unreachable
from collectors.probes.line import Deadline, Phases, connected, resolved
from collectors.probes.tls import Certificate, certificate_of, examined, in_words
from collectors.probes.web import BODY_LIMIT, DEFAULT_PORTS, Answer, Refused, get
from collectors.taken import Position, Taken
from roomleft.errors import CollectError
from roomleft.packs_sources import ProbeSource


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a probe, in words. `error` is what stopped it, for telling whose network it was."""

    is_success: bool
    words: str
    error: BaseException | None = None
    status: int | None = None


class Probe:
    """Probes one address at every look."""

    kind = "probe"

    def __init__(self, slug: str, entry: ProbeSource, secret: str | None, network: OwnNetwork | None = None) -> None:
        self.platform, self.component = slug, entry.component
        self.source = f"{slug}.{entry.name}"
        self.interval = entry.interval
        self._entry = entry
        self._network = network or OwnNetwork()

    def take(self, now: datetime, position: Position | None) -> Taken:
        """Probe once. `unknown` when the fault is this host's network; an error only if the address itself is none."""
        try:
            host, port = self._target()
        except CollectError as error:
            return Taken(error=error)
        instance = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        look = Look(self.platform, self.component, {"source": self._entry.name, "instance": instance}, now)
        phases = Phases()
        deadline = Deadline(self._entry.timeout.total_seconds())
        try:
            verdict, certificate = self._probe(host, port, now, deadline, phases)
        finally:
            deadline.release()
        if verdict.error is not None and is_unreachable(verdict.error):
            lost = self._network.unreached(host, port, now)
            if lost:
                look.check(f"{self._entry.name}.answers", "unknown", lost)
                return Taken(health=look.health(), unknown=lost)
        elif not _never_left(verdict.error):
            self._network.answered(host, port, now)
        look.read("probe_success", int(verdict.is_success))
        for phase, ms in phases.ms.items():
            look.read("probe_duration_ms", ms, phase=phase)
        look.read("probe_http_status", verdict.status)
        look.check(
            f"{self._entry.name}.answers",
            "pass" if verdict.is_success else "fail",
            verdict.words,
            value=phases.ms.get("total"),
            unit="ms" if "total" in phases.ms else None,
        )
        if certificate is not None:
            self._certificate(look, certificate, now)
        return Taken(look.samples(), look.health())

    def _target(self) -> tuple[str, int]:
        where = f"source {self._entry.name}"
        try:
            parts = urlsplit(self._entry.url)
            host, port = parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.username or parts.password:
            raise CollectError("the address holds a user or password", where, "probe an address that needs none", retryable=False)
        if not host or not port:
            raise CollectError(
                "the address names no host and port",
                where,
                "write http(s)://HOST/PATH, tcp://HOST:PORT or tls://HOST:PORT",
                retryable=False,
            )
        return host, port

    def _probe(
        self, host: str, port: int, now: datetime, deadline: Deadline, phases: Phases
    ) -> tuple[Verdict, Certificate | None]:
        scheme = urlsplit(self._entry.url).scheme
        certificate: Certificate | None = None
        try:
            if scheme == "tcp":
                verdict = self._tcp(host, port, deadline, phases)
            elif scheme == "tls":
                certificate = self._examined(host, port, deadline, phases)
                verdict = Verdict(not certificate.fault, certificate.fault or f"holds until {certificate.not_after:%Y-%m-%d}")
            else:
                verdict = self._judged(get(self._entry.url, self._entry.expect_status, deadline, phases), phases)
        except Refused as error:
            verdict = Verdict(False, str(error), error)
        except (OSError, CollectError, ValueError) as error:
            verdict = Verdict(False, _words(error, host, deadline), error)
        if isinstance(verdict.error, ssl.SSLCertVerificationError):
            certificate = self._beside(host, port)
            if certificate is not None and certificate.fault:
                verdict = Verdict(False, certificate.fault, verdict.error)
        elif phases.certificate:
            certificate = certificate_of(phases.certificate)
        return verdict, certificate

    def _tcp(self, host: str, port: int, deadline: Deadline, phases: Phases) -> Verdict:
        connected(resolved(host, port, deadline, phases), deadline, phases).close()
        phases.ms["total"] = sum(phases.ms.values())
        return Verdict(True, f"takes connections, {phases.ms['total']:,.0f} ms")

    def _examined(self, host: str, port: int, deadline: Deadline, phases: Phases) -> Certificate:
        def connect() -> socket:
            once = Phases()
            line = connected(resolved(host, port, deadline, once), deadline, once)
            if not phases.ms:
                phases.ms.update(once.ms)
                phases.ms["total"] = sum(once.ms.values())
            return line

        return examined(connect, host)

    def _beside(self, host: str, port: int) -> Certificate | None:
        """The certificate of an https address that could not be verified, on connections of its own."""
        deadline = Deadline(self._entry.timeout.total_seconds())
        try:
            return self._examined(host, port, deadline, Phases())
        except (OSError, CollectError, ValueError):
            return None
        finally:
            deadline.release()

    def _judged(self, answer: Answer, phases: Phases) -> Verdict:
        expected = self._entry.expect_status
        after = f" after {answer.redirects} redirects, at {answer.url}" if answer.redirects else ""
        if answer.status not in expected if expected else not 200 <= answer.status < 300:
            wanted = " or ".join(map(str, expected)) if expected else "2xx"
            return Verdict(False, f"answers {answer.status}{after}, not {wanted}", status=answer.status)
        text = self._entry.expect_text
        if text is not None and text not in answer.text:
            where = "its answer" if answer.is_whole else f"the first {BODY_LIMIT:,} bytes of its answer"
            return Verdict(
                False, f"answers {answer.status}{after}, but the expected text is not in {where}", status=answer.status
            )
        return Verdict(True, f"answers {answer.status}{after} in {phases.ms['total']:,.0f} ms", status=answer.status)

    def _certificate(self, look: Look, certificate: Certificate, now: datetime) -> None:
        days = certificate.days_left(now)
        look.read("probe_tls_days_left", days)
        status, words = "pass", f"holds for {days:,.0f} more days, until {certificate.not_after:%Y-%m-%d}"
        if certificate.fault:
            status, words = "fail", certificate.fault + (f"; it holds until {certificate.not_after:%Y-%m-%d}" if days > 0 else "")
        elif certificate.not_after - now < self._entry.expires_within:
            status, words = "warn", f"expires in {days:,.1f} days, on {certificate.not_after:%Y-%m-%d}: renew it"
        look.check(f"{self._entry.name}.certificate", status, words, value=round(days, 2), unit="days")


def _never_left(error: BaseException | None) -> bool:
    """Whether a failure says nothing of the network: no such name may be a resolver on this host speaking, without any network."""
    return isinstance(error, gaierror | UnicodeError)


def _words(error: BaseException, host: str, deadline: Deadline) -> str:
    match error:
        case CollectError():
            return str(error)
        case UnicodeError():
            return f"{host} is no host name"
        case gaierror():
            return f"the name {host} cannot be resolved: {error.strerror}"
        case ssl.SSLCertVerificationError():
            return in_words(error, host)
        case ssl.SSLError():
            return f"the TLS handshake fails: {(error.reason or str(error)).replace('_', ' ').lower()}"
        case TimeoutError():
            return f"gives no whole answer within {deadline.seconds:g} s"
        case ConnectionRefusedError():
            return "refuses the connection: nothing listens there"
        case ConnectionResetError():
            return "breaks the connection off"
        case OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
            return f"there is no way to it: {error.strerror}"
    return f"fails: {getattr(error, 'strerror', None) or type(error).__name__}"
