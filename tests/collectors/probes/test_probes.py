"""Probes against real servers on loopback: answers of every kind, certificates of every kind, and whose fault it is."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from collectors.own_network import OwnNetwork
from collectors.probes.source import Probe
from collectors.probes.tls import parsed
from collectors.probes.web import BODY_LIMIT, shown
from collectors.taken import Taken
from roomleft.clock import Clock
from roomleft.packs_sources import ProbeSource
from tests.collectors.looking import checks, names, value, values
from tests.collectors.scripted import Answer, hang, http, raw, scripted, trickle
from tests.fixtures.need import lacking

CONFIG = """
[ca]
default_ca = authority
[authority]
database = {home}/index.txt
serial = {home}/serial
new_certs_dir = {home}
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def probe(url: str, network: OwnNetwork | None = None, **entry: Any) -> Probe:
    given = {"kind": "probe", "name": "site", "component": "web", "url": url, "timeout": "2s"} | entry
    return Probe("arena", ProbeSource.model_validate(given), None, network or OwnNetwork(reference=lambda: None))


def taken(url: str, network: OwnNetwork | None = None, **entry: Any) -> Taken:
    return probe(url, network, **entry).take(Clock().now(), None)


def test_an_answer_is_timed_phase_by_phase() -> None:
    def slow(connection: socket.socket, line: str) -> None:
        time.sleep(0.05)
        http(b"hello there")(connection, line)

    with scripted(slow) as server:
        found = taken(f"{server.url}/path?token=secret", expect_text="hello")
    assert found.error is None
    assert value(found, "probe_success") == 1
    assert value(found, "probe_http_status") == 200
    phases = values(found, "probe_duration_ms")
    assert phases.keys() == {"dns", "connect", "first_byte", "total"}
    assert phases["first_byte"] >= 50
    assert sum(phases[name] for name in ("dns", "connect", "first_byte")) <= phases["total"]
    status, words = checks(found)["site.answers"]
    assert status == "pass"
    assert words.startswith("answers 200 in ")
    assert server.requests == ["GET /path?token=secret HTTP/1.1"]


def test_letters_of_any_alphabet_go_over_the_wire_as_they_should() -> None:
    with scripted(http(b"hello")) as server:
        found = taken(f"{server.url}/größe?ort=köln&x=%20y")
    assert value(found, "probe_success") == 1
    assert server.requests == ["GET /gr%C3%B6%C3%9Fe?ort=k%C3%B6ln&x=%20y HTTP/1.1"]
    found = taken("http://" + "ü" * 80 + ".example/")
    assert checks(found)["site.answers"][0] == "fail"
    assert checks(found)["site.answers"][1].endswith("is no host name")


MOVED = http(b"", 302, location="/next")
CHUNKED = raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n")


@pytest.mark.parametrize(
    ("answers", "entry", "words"),
    [
        ([http(b"hello")], {}, "answers 200 in"),
        ([http(b"", 204)], {}, "answers 204 in"),
        ([http(b"", 404)], {"expect_status": [404, 410]}, "answers 404 in"),
        ([MOVED, http(b"hello")], {"expect_text": "hello"}, "answers 200 after 1 redirects, at http://127.0.0.1:"),
        ([MOVED], {"expect_status": [302]}, "answers 302 in"),
        ([CHUNKED], {"expect_text": "hello"}, "answers 200 in"),
        ([http(zlib.compress(b"hello"), content_encoding="deflate")], {"expect_text": "hello"}, "answers 200 in"),
        ([http("größe".encode("latin-1"), kind="text/plain; charset=latin-1")], {"expect_text": "größe"}, "answers 200 in"),
        ([http(b"hello", kind="text/plain; charset=nonsense")], {"expect_text": "hello"}, "answers 200 in"),
        ([http(b"x" * (BODY_LIMIT + 5000))], {}, "answers 200 in"),
    ],
    ids=[
        "200",
        "204",
        "an expected 404",
        "a redirect",
        "an expected redirect",
        "chunks",
        "compressed",
        "latin-1",
        "odd charset",
        "large",
    ],
)
def test_what_counts_as_well(answers: list[Answer], entry: dict[str, Any], words: str) -> None:
    with scripted(*answers) as server:
        found = taken(server.url, **entry)
    assert checks(found)["site.answers"][1].startswith(words)
    assert value(found, "probe_success") == 1


@pytest.mark.parametrize(
    ("answers", "entry", "words"),
    [
        ([http(b"oh", 500)], {}, "answers 500, not 2xx"),
        ([http(b"", 200)], {"expect_status": [204, 205]}, "answers 200, not 204 or 205"),
        ([http(b"goodbye")], {"expect_text": "hello"}, "answers 200, but the expected text is not in its answer"),
        (
            [http(b"x" * BODY_LIMIT + b"hello")],
            {"expect_text": "hello"},
            "answers 200, but the expected text is not in the first 1,000,000 bytes of its answer",
        ),
        ([MOVED], {}, "it redirects more than 5 times, at last to http://127.0.0.1:"),
        ([http(b"", 302, location="ftp://elsewhere/x")], {}, "it redirects to ftp:, which is no web address"),
        ([raw(b"220 mail ready\r\n")], {}, "what answers does not speak HTTP"),
        ([raw(b"")], {}, "it closed the connection without an answer"),
        ([raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\nshort")], {}, "its answer was cut off"),
        ([http(b"not gzip", content_encoding="gzip")], {}, "its body is not what its Content-Encoding says"),
        ([hang], {"timeout": "300ms"}, "gives no whole answer within 0.3 s"),
        ([trickle(b"HTTP/1.1 200 OK\r\n", b"a: b\r\n")], {"timeout": "300ms"}, "gives no whole answer within 0.3 s"),
        (
            [trickle(b"HTTP/1.1 200 OK\r\ncontent-length: 900000\r\n\r\n", b"x")],
            {"timeout": "300ms"},
            "gives no whole answer within 0.3 s",
        ),
    ],
    ids=[
        *("500", "another status", "text missing", "text beyond the limit", "redirects without end", "a redirect to nowhere"),
        *("not HTTP", "closed", "cut off", "not gzip", "hangs", "drips headers", "drips a body"),
    ],
)
def test_what_counts_as_down(answers: list[Answer], entry: dict[str, Any], words: str) -> None:
    with scripted(*answers) as server:
        began = time.monotonic()
        found = taken(server.url, **entry)
        took = time.monotonic() - began
    status, said = checks(found)["site.answers"]
    assert (found.error, status) == (None, "fail")
    assert said.startswith(words)
    assert value(found, "probe_success") == 0
    if "timeout" in entry:
        assert took < 2
        assert "total" not in values(found, "probe_duration_ms")


def test_nothing_that_listens_is_down_not_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        up = taken(f"tcp://127.0.0.1:{port}")
    down = taken(f"tcp://127.0.0.1:{port}")
    assert value(up, "probe_success") == 1
    assert values(up, "probe_duration_ms").keys() == {"dns", "connect", "total"}
    assert checks(up)["site.answers"][1].startswith("takes connections")
    assert value(down, "probe_success") == 0
    assert checks(down)["site.answers"] == ("fail", "refuses the connection: nothing listens there")


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("https://user:secret@site.example/", "holds a user or password"),
        ("tcp://site.example", "names no host and port"),
        ("http://[::1", "names no host and port"),
        ("http://site.example:port/", "names no host and port"),
    ],
)
def test_an_address_that_is_none_is_the_sources_error(url: str, what: str) -> None:
    found = taken(url)
    assert found.error is not None
    assert what in found.error.what
    assert "secret" not in str(found.error)


def test_words_never_show_what_may_be_secret() -> None:
    assert shown("https://user:secret@site.example:8443/path?token=secret#secret") == "https://site.example:8443/path"


class Offline:
    """A network in which nobody but this host can be reached."""

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise OSError(101, "Network is unreachable")


def test_a_network_that_is_gone_makes_the_probe_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collectors.probes.line.connected", Offline())
    monkeypatch.setattr("collectors.probes.web.connected", Offline())
    network = OwnNetwork(reference=lambda: False)
    found = taken("http://192.0.2.7/", network)
    assert found.unknown.startswith("this host has lost its network since")
    assert found.samples.num_rows == 0
    assert checks(found)["site.answers"] == ("unknown", found.unknown)
    # With a gateway that answers it is the site.
    network = OwnNetwork(reference=lambda: True)
    found = taken("http://192.0.2.7/", network)
    assert (found.unknown, checks(found)["site.answers"]) == ("", ("fail", "there is no way to it: Network is unreachable"))


@dataclass
class Authority:
    """Makes certificates with the openssl program. `root` is its own."""

    home: Path

    def __post_init__(self) -> None:
        (self.home / "ca.cnf").write_text(CONFIG.format(home=self.home))
        (self.home / "index.txt").touch()
        (self.home / "serial").write_text("1000\n")
        self.root = self.self_signed("root", "Test Authority")

    def run(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=self.home)

    def self_signed(self, name: str, subject: str, days: int = 30) -> Path:
        names = ("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1") if name != "root" else ()
        out = ("-keyout", f"{name}.key", "-out", f"{name}.pem", "-days", str(days), "-subj", f"/CN={subject}")
        self.run("req", "-x509", *KEY, *out, *names)
        return self.home / f"{name}.pem"

    def signed(self, name: str, alt_names: str, begins: datetime, ends: datetime) -> Path:
        names = ("-addext", f"subjectAltName={alt_names}")
        self.run("req", "-new", *KEY, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}", *names)
        times = ("-startdate", f"{begins:%Y%m%d%H%M%SZ}", "-enddate", f"{ends:%Y%m%d%H%M%SZ}")
        signer = ("-cert", "root.pem", "-keyfile", "root.key")
        self.run("ca", "-batch", "-notext", "-config", "ca.cnf", *signer, "-in", f"{name}.csr", "-out", f"{name}.pem", *times)
        return self.home / f"{name}.pem"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    if shutil.which("openssl") is None:
        lacking("openssl is not installed", "Debian: apt install openssl")
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def tls_server(certificate: Path) -> Iterator[int]:
    """A TLS server on loopback that answers every request with 200; gives its port."""
    settings = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    settings.load_cert_chain(certificate, certificate.with_suffix(".key"))
    listener = socket.create_server(("127.0.0.1", 0))

    def answer(plain: socket.socket) -> None:
        with suppress(OSError), plain, settings.wrap_socket(plain, server_side=True) as line:
            if line.recv(65536):
                line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")

    def serve() -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(plain,), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("kind", "names_", "from_days", "to_days", "certificate", "answers"),
    [
        ("signed", "DNS:localhost,IP:127.0.0.1", -1, 60, ("pass", "holds for 60 more days, until "), "pass"),
        ("signed", "DNS:localhost,IP:127.0.0.1", -1, 10, ("warn", "expires in 10.0 days, on "), "pass"),
        ("signed", "DNS:localhost,IP:127.0.0.1", -30, -2, ("fail", "the certificate has expired on "), "fail"),
        ("signed", "DNS:localhost,IP:127.0.0.1", 5, 60, ("fail", "the certificate is not valid yet, before "), "fail"),
        ("signed", "DNS:other.example", -1, 60, ("fail", "the certificate is not for 127.0.0.1; it holds until "), "fail"),
        ("untrusted", "DNS:localhost,IP:127.0.0.1", -1, 60, ("fail", "the certificate's chain leads to no authority"), "fail"),
        ("self-signed", "", 0, 30, ("fail", "the certificate is self-signed: only clients that were told of it"), "fail"),
    ],
    ids=["well", "expires soon", "expired", "not valid yet", "for another host", "of an unknown authority", "self-signed"],
)
@pytest.mark.parametrize("scheme", ["tls", "https"])
def test_certificates(
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
    kind: str,
    names_: str,
    from_days: int,
    to_days: int,
    certificate: tuple[str, str],
    answers: str,
) -> None:
    now = Clock().now()
    name = f"{kind}{from_days}{to_days}{len(names_)}{scheme}"
    if kind == "self-signed":
        path = authority.self_signed(name, "localhost", to_days)
    else:
        path = authority.signed(name, names_, now + from_days * DAY, now + to_days * DAY)
    if kind == "signed":
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.root))
    with tls_server(path) as port:
        found = taken(f"{scheme}://127.0.0.1:{port}", timeout="5s")
    assert value(found, "probe_tls_days_left") == pytest.approx(to_days, abs=0.01)
    status, words = checks(found)["site.certificate"]
    assert status == certificate[0]
    assert words.startswith(certificate[1])
    assert checks(found)["site.answers"][0] == answers
    assert value(found, "probe_success") == (answers == "pass")
    if scheme == "https" and answers == "pass":
        assert (values(found, "probe_duration_ms")["tls"]) > 0


def test_a_chain_and_a_name_that_are_both_wrong_are_both_told(authority: Authority) -> None:
    now = Clock().now()
    path = authority.signed("both", "DNS:other.example", now - DAY, now + 60 * DAY)
    with tls_server(path) as port:
        words = checks(taken(f"tls://127.0.0.1:{port}", timeout="5s"))["site.certificate"][1]
    assert "leads to no authority" in words
    assert "is not for 127.0.0.1" in words


def test_a_port_without_tls() -> None:
    def greet(listener: socket.socket) -> None:
        line, _ = listener.accept()
        with line:
            line.sendall(b"220 mail ready\r\n" * 10)

    with socket.create_server(("127.0.0.1", 0)) as mail:
        greeting = threading.Thread(target=greet, args=(mail,))
        greeting.start()
        found = taken(f"tls://127.0.0.1:{mail.getsockname()[1]}")
        greeting.join(5)
    assert checks(found)["site.answers"][0] == "fail"
    assert checks(found)["site.answers"][1].startswith("the TLS handshake fails")
    assert "probe_tls_days_left" not in names(found)


def test_a_certificate_is_read_from_its_der(authority: Authority) -> None:
    ends = datetime(2060, 3, 1, 12, 30, 15, tzinfo=UTC)
    path = authority.signed("far", "DNS:localhost", datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), ends)
    # From 2050 on a certificate writes its time with four digits of the year.
    assert parsed(ssl.PEM_cert_to_DER_cert(path.read_text())) == (datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), ends, False)
    assert parsed(ssl.PEM_cert_to_DER_cert(authority.root.read_text()))[2] is True


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x03\x02\x01\x00", b"\x30\x82\xff\xff" + b"\x00" * 10, bytes(64)])
def test_what_is_no_certificate_is_refused(der: bytes) -> None:
    with pytest.raises(ValueError):
        parsed(der)
