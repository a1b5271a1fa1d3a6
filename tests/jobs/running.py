"""Jobs of a small project, built and run as cron or a pod would run them, and those who hear of it."""

from __future__ import annotations

import contextlib
import http.server
import json
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.binaries import unavailable
from harness.processes import free_port

from capgen import api

HOST = "apiVersion: capgen/v1\nkind: Environment\nmetadata: {name: host}\ndirectory: {root: ./deploy}\n"
SHELLS = ("dash", "bash", "busybox")
"""Debian's sh, the one with the most habits of its own, and the one of small images."""
_MORE_PATH = "\nPATH=$PATH:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin\n"
_PAIR = re.compile(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')


def built(folder: Path, spec: str, environment: str = HOST) -> dict[str, str]:
    """The files of the only environment, by path below it."""
    specs = folder / "specs"
    specs.mkdir(parents=True, exist_ok=True)
    (specs / "shop.yaml").write_text(spec)
    (specs / "environment.yaml").write_text(environment)
    ((_, artifacts),) = api.build([specs]).artifacts
    return {artifact.path: artifact.text for artifact in artifacts}


def capacity(parts: str, name: str = "shop") -> str:
    """A Capacity with a host, an application and somebody to tell."""
    return (
        f"apiVersion: capgen/v1\nkind: Capacity\nmetadata: {{name: {name}, title: Shop}}\n"
        "notify: {chat: {webhook: {env: CHAT_URL}}}\n" + parts
    )


@dataclass(frozen=True)
class Run:
    """What a script did: its exit code, what it logged, and everything it printed."""

    code: int
    events: tuple[dict[str, str], ...]
    text: str

    def of(self, event: str) -> list[dict[str, str]]:
        """The log lines of one kind."""
        return [line for line in self.events if line["event"] == event]


@dataclass(frozen=True)
class Script:
    """A generated script and the variables that it is run with."""

    path: Path
    variables: Mapping[str, str]
    shell: str = "dash"

    def command(self, *arguments: str) -> tuple[list[str], dict[str, str]]:
        """The command and its whole environment, which is as bare as cron's."""
        variables = {"PATH": "/usr/bin:/bin", **self.variables}
        if self.shell == "busybox":
            tools = _applets(self.path.parent / "applets", variables["PATH"])
            alone = self.path.with_suffix(".ash")
            text = self.path.read_text()
            assert _MORE_PATH in text, "the script looks for programs in more places"
            alone.write_text(text.replace(_MORE_PATH, "\n"))
            return [str(tools / "ash"), str(alone), *arguments], {**variables, "PATH": str(tools)}
        return [self.shell, str(self.path), *arguments], variables

    def run(self, *arguments: str, **variables: str) -> Run:
        """Runs it to its end."""
        command, environment = self.command(*arguments)
        done = subprocess.run(
            command, env={**environment, **variables}, capture_output=True, text=True, timeout=60, check=False
        )
        return Run(done.returncode, tuple(map(_pairs, done.stdout.splitlines())), done.stdout + done.stderr)


def _pairs(line: str) -> dict[str, str]:
    assert re.fullmatch(rf"({_PAIR.pattern})( {_PAIR.pattern})*", line), f"no logfmt: {line}"
    return {m[1]: m[3] if m[2] is None else re.sub(r"\\(.)", r"\1", m[2]) for m in _PAIR.finditer(line)}


def _applets(folder: Path, path: str) -> Path:
    """A PATH that has what a small image has: busybox's programs and none of GNU's, curl, and kubectl from `path`.
    A host's crontab wants flock, which Alpine's busybox has and Debian's has not."""
    if not folder.exists():
        folder.mkdir()
        busybox = shutil.which("busybox") or unavailable("busybox is not installed")
        for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
            (folder / name).symlink_to(busybox)
        for name in ("curl", "flock", "kubectl"):
            if found := shutil.which(name, path=path):
                (folder / name).symlink_to(found)
    return folder


@dataclass
class Webhook:
    """A receiver of messages. `status` is what it answers; `texts` what it took."""

    url: str = ""
    status: int = 200
    texts: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    pages: dict[str, tuple[int, str]] = field(default_factory=dict)
    """What a GET of a path gives."""
    slow: float = 0

    def heard(self) -> list[str]:
        """The texts since the last time."""
        texts, self.texts[:] = list(self.texts), []
        return texts


@contextlib.contextmanager
def serving_webhook() -> Iterator[Webhook]:
    """A real HTTP server, for the length of the block."""
    webhook = Webhook()
    ended = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert set(body) == {"text"}
            webhook.paths.append(self.path)
            if webhook.status < 300:
                webhook.texts.append(body["text"])
            self._answer(webhook.status, "")

        def do_GET(self) -> None:
            ended.wait(webhook.slow)
            self._answer(*webhook.pages.get(self.path, (404, "")))

        def _answer(self, status: int, text: str) -> None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    webhook.url = f"http://127.0.0.1:{server.server_port}/hook/s3cr3t-path"
    try:
        yield webhook
    finally:
        ended.set()
        server.shutdown()
        thread.join()
        server.server_close()


def host_script(folder: Path, files: Mapping[str, str], job: str, webhook: Webhook | None, **variables: str) -> Script:
    """A script of the service `shop`, in a folder with a state of its own."""
    path = folder / "deploy" / f"{job}.sh"
    path.parent.mkdir(exist_ok=True)
    path.write_text(files[f"shop/jobs/{job}.sh"])
    known = {"CHAT_URL": webhook.url} if webhook else {}
    return Script(path, {"CAPGEN_STATE": str(folder / "state"), "CAPGEN_SAMPLE_SECONDS": "1", **known, **variables})
