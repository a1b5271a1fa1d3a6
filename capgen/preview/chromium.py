"""A headless Chromium that opens pages and photographs them, driven through its own DevTools pipe.

`--screenshot` on the command line would do for one page of known height; it says nothing when a script of the page
fails, and a picture of a broken page is worse than none.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from capgen.errors import CapgenError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_SECONDS = 60.0
_PAUSE = 0.05
_FIRST = 900
TALLEST = 16_000
"""Pixels: beyond this Chromium's own pictures repeat themselves."""
# The protocol's pipe is file descriptors 3 and 4, and only a shell puts a child's streams there.
_SHELL = 'exec "$0" "$@" 3<&0 4>&1 0</dev/null 1>&2'
# Drawn means: every panel has left its first, empty state, and two frames have passed since.
_DRAWN = """
document.querySelector('[data-page]') && !document.querySelector('[data-word=waiting]')
  ? document.fonts.ready.then(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(
      () => done(document.documentElement.scrollHeight)))))
  : 0
"""


def find(environment: dict[str, str] | None = None) -> str:
    """The browser: `CHROME`, else Chromium or Chrome on PATH. Raises CapgenError when there is none."""
    given = (os.environ if environment is None else environment).get("CHROME")
    names = (given,) if given else _NAMES
    for name in names:
        if found := shutil.which(name):
            return found
    raise CapgenError(
        f"CHROME names {given}, which is no program"
        if given
        else "there is no Chromium on PATH: install one for --png (on Debian: apt-get install chromium), name it in CHROME, "
        "or ask for --html alone"
    )


@contextlib.contextmanager
def browser(program: str) -> Iterator[Browser]:
    """A browser for the length of the block. Raises CapgenError when it does not start."""
    with tempfile.TemporaryDirectory(prefix="capgen-preview-", ignore_cleanup_errors=True) as home:
        flags = [
            "--headless", "--remote-debugging-pipe", f"--user-data-dir={home}", "--no-first-run", "--disable-gpu",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--mute-audio",
            "--hide-scrollbars", "--force-color-profile=srgb", "--font-render-hinting=none", "--lang=en-US",
        ]  # fmt: skip
        if os.geteuid() == 0:
            # Chromium refuses root with its sandbox. The page is our own, and may load and run nothing else.
            flags.append("--no-sandbox")
        if not Path("/dev/shm").exists():  # noqa: S108 - not used, only looked at
            flags.append("--disable-dev-shm-usage")
        environment = {**os.environ, "HOME": home, "LANG": "en_US.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        command = ["/bin/sh", "-c", _SHELL, program, *flags]
        log = Path(home, "log")
        with log.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - the program that the user has installed or named
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, env=environment
            )
        try:
            yield Browser(process, log)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    with contextlib.suppress(OSError):
                        stream.close()


class Browser:
    """Speaks the DevTools protocol: one JSON message a zero byte, answers by number, events between them."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        assert process.stdin and process.stdout  # noqa: S101 - both were asked for
        self._in: IO[bytes] = process.stdin
        self._out: IO[bytes] = process.stdout
        self._log, self._number, self._left, self._said = log, 0, b"", list[str]()
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._out, selectors.EVENT_READ)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime"):
            self._call(f"{domain}.enable", session=True)

    def picture(self, file: Path, *, width: int, height: int = TALLEST) -> bytes:
        """The page as PNG, its upper part where it is taller than `height`. Raises CapgenError when a script fails."""
        self._said.clear()
        self._size(width, _FIRST)
        self._call("Page.navigate", session=True, url=file.resolve().as_uri())
        # Panels out of sight are not drawn, and nothing shall be out of sight.
        self._size(width, min(height, TALLEST, self._drawn(file)))
        self._drawn(file)
        shot = self._call("Page.captureScreenshot", session=True, format="png", captureBeyondViewport=False)
        return base64.b64decode(shot["data"])

    def _size(self, width: int, height: int) -> None:
        self._call(
            "Emulation.setDeviceMetricsOverride",
            session=True, width=width, height=height, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def _drawn(self, file: Path) -> int:
        """The height of the page, as soon as all of it is drawn."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            height = 0
            # The page before this one may go away while it is being asked.
            with contextlib.suppress(_Gone, KeyError):
                asked = {"expression": _DRAWN, "awaitPromise": True, "returnByValue": True}
                height = int(self._call("Runtime.evaluate", session=True, **asked)["result"]["value"])
            if self._said:
                raise CapgenError(f"the page of {file.name} does not draw: {self._said[0]}")
            if height:
                return height
            time.sleep(_PAUSE)
        raise CapgenError(f"the page of {file.name} was not drawn within {_SECONDS:.0f} s")

    def _call(self, method: str, *, session: bool = False, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if session:
            message["sessionId"] = self._session
        try:
            self._in.write(json.dumps(message).encode() + b"\0")
            self._in.flush()
        except OSError as error:
            raise CapgenError(f"Chromium does not run: {self._tail()}") from error
        while True:
            answer = self._read()
            if answer.get("id") != self._number:
                self._note(answer)
            elif "error" in answer:
                raise _Gone(answer["error"].get("message", method))
            else:
                result: dict[str, Any] = answer["result"]
                return result

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + _SECONDS
        while b"\0" not in self._left:
            if not self._ready.select(deadline - time.monotonic()):
                raise CapgenError(f"Chromium did not answer within {_SECONDS:.0f} s: {self._tail()}")
            piece = os.read(self._out.fileno(), 1 << 16)
            if not piece:
                raise CapgenError(f"Chromium has ended: {self._tail()}")
            self._left += piece
        message, _, self._left = self._left.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def _note(self, event: dict[str, Any]) -> None:
        """Keeps what the page complains of."""
        details = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            thrown = details["exceptionDetails"]
            self._said.append(str(thrown.get("exception", {}).get("description") or thrown.get("text"))[:500])
        elif event.get("method") == "Runtime.consoleAPICalled" and details.get("type") == "error":
            self._said.append(
                " ".join(str(part.get("value") or part.get("description")) for part in details["args"])[:500]
            )

    def _tail(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


class _Gone(CapgenError):
    """The protocol refused: mostly because the page it was asked about is gone."""
