"""Those who are told by jobs, as servers: HTTP that keeps whole requests, and a mail server that wants TLS and a login."""

from __future__ import annotations

import base64
import contextlib
import email
import email.message
import email.policy
import http.server
import json
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from harness.binaries import unavailable


@dataclass
class Told:
    """What came in: requests as (path, headers, body), mails as (login, recipients, message)."""

    url: str = ""
    status: int = 200
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    mails: list[tuple[str, list[str], email.message.EmailMessage]] = field(default_factory=list)
    clear: list[str] = field(default_factory=list)
    """What a mail server heard before TLS."""


@contextlib.contextmanager
def serving_http() -> Iterator[Told]:
    """A real HTTP server, for the length of the block."""
    told = Told()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            told.requests.append((self.path, dict(self.headers), body))
            self.send_response(told.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with _running(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as port:
        told.url = f"http://127.0.0.1:{port}"
        yield told


@contextlib.contextmanager
def serving_mail(folder: Path, user: str = "", password: str = "") -> Iterator[Told]:
    """A mail server on `told.url` (host:port) with the certificate `folder/mail.pem`, for the length of the block."""
    told = Told()
    certificate = _certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    login = base64.b64encode(f"\0{user}\0{password}".encode()).decode()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                self._talk(self.request, secure=False)

        def _talk(self, connection: socket.socket, *, secure: bool) -> None:
            file = connection.makefile("rwb")
            if not secure:
                _say(file, "220 mail")
            known, recipients = "", list[str]()
            for raw in file:
                line = raw.decode().rstrip("\r\n")
                word = line.upper()
                if not secure:
                    told.clear.append(line)
                if word.startswith("EHLO"):
                    _say(file, "250-mail", "250-8BITMIME", "250 AUTH PLAIN" if secure else "250 STARTTLS")
                elif word == "STARTTLS":
                    _say(file, "220 go")
                    with tls.wrap_socket(connection, server_side=True) as safe:
                        self._talk(safe, secure=True)
                    return
                elif word.startswith("AUTH PLAIN"):
                    given = line.partition("PLAIN")[2].strip()
                    if not given:
                        _say(file, "334 ")
                        given = file.readline().decode().strip()
                    known = user if given == login else ""
                    _say(file, "235 welcome" if known else "535 no")
                elif word.startswith("RCPT TO:"):
                    recipients.append(line.partition(":")[2].strip("<>"))
                    _say(file, "250 fine" if known or not user else "530 who are you?")
                elif word == "DATA":
                    _say(file, "354 go on")
                    lines = list(iter(lambda: file.readline(), b".\r\n"))
                    message = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                    assert isinstance(message, email.message.EmailMessage)
                    told.mails.append((known, recipients, message))
                    _say(file, "250 taken")
                elif word == "QUIT":
                    _say(file, "221 bye")
                    return
                else:
                    _say(file, "250 fine")

    with _running(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)) as port:
        told.url = f"localhost:{port}"
        yield told


def _say(file: BinaryIO, *lines: str) -> None:
    file.write("".join(f"{line}\r\n" for line in lines).encode())
    file.flush()


@contextlib.contextmanager
def _running(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _certificate(folder: Path) -> Path:
    """A certificate for `localhost` with its key, in one file."""
    key, path = folder / "mail.key", folder / "mail.pem"
    command = [
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(path),
    ]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        unavailable("openssl is not installed")
    path.write_text(path.read_text() + key.read_text())
    return path
