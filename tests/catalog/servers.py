"""Real exporters and instrumented services, started for the length of a `with` block; each gives its /metrics page.

Exporters come from the components that the tests build and from Debian's packages, services are the small apps
beside this file under the interpreter of the tests. What is missing skips the test, and fails it under CI.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from harness.binaries import unavailable
from harness.processes import answers, free_port, serving

APPS = Path(__file__).parent / "apps"
Fetch = Callable[[str], str]
"""GETs a path of a server; an error page is a page too."""

_NGINX = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location = /status {{ stub_status; }}
        location / {{ return 200 "hello"; }}
    }}
}}
"""


def debian(name: str, package: str) -> Path:
    """The path of a program of a Debian package."""
    found = shutil.which(name, path=f"{os.environ['PATH']}{os.pathsep}/usr/sbin")
    if found is None:
        unavailable(f"{name} is not here: apt-get install --no-install-recommends {package}")
    return Path(found)


def get(url: str) -> str:
    """The body of a page, whatever its status."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
            return str(answer.read().decode())
    except urllib.error.HTTPError as error:
        return error.read().decode()


@contextlib.contextmanager
def node_exporter(binary: Path, folder: Path, *flags: str) -> Iterator[str]:
    """Yields the page of a node_exporter about this machine."""
    address = f"127.0.0.1:{free_port()}"
    with serving("node_exporter", [binary, f"--web.listen-address={address}", *flags], folder / "node.log") as server:
        server.wait_until(lambda: answers(f"http://{address}/"))
        yield get(f"http://{address}/metrics")


@contextlib.contextmanager
def app(name: str, modules: list[str], folder: Path, *flags: str) -> Iterator[Fetch]:
    """Starts `apps/NAME.py`; yields what GETs one of its paths."""
    for module in modules:
        if importlib.util.find_spec(module.partition(".")[0]) is None or importlib.util.find_spec(module) is None:
            unavailable(f"{module} is not here: it comes with the development dependencies")
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, APPS / f"{name}.py", url.rpartition(":")[2], *flags]
    with serving(name, command, folder / f"{name}.log") as server:
        server.wait_until(lambda: answers(f"{url}/metrics"))
        yield lambda path: get(url + path)


@contextlib.contextmanager
def nginx(folder: Path) -> Iterator[str]:
    """Yields the address of an NGINX with its status page at /status."""
    port = free_port()
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port))
    command = [debian("nginx", "nginx-light"), "-e", folder / "error.log", "-c", folder / "nginx.conf"]
    with serving("nginx", command, folder / "nginx.log") as server:
        server.wait_until(lambda: answers(f"http://127.0.0.1:{port}/"))
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def nginx_exporter(site: str, folder: Path) -> Iterator[Fetch]:
    """Starts the exporter of an NGINX's status page; yields what GETs one of the exporter's paths."""
    binary = debian("prometheus-nginx-exporter", "prometheus-nginx-exporter")
    address = f"127.0.0.1:{free_port()}"
    command = [binary, f"-web.listen-address={address}", f"-nginx.scrape-uri={site}/status"]
    with serving("nginx-exporter", command, folder / "nginx-exporter.log") as server:
        server.wait_until(lambda: answers(f"http://{address}/metrics"))
        yield lambda path: get(f"http://{address}{path}")


@contextlib.contextmanager
def blackbox_exporter(folder: Path) -> Iterator[Fetch]:
    """A blackbox_exporter with the modules `http` and `tcp`; yields what GETs one of its paths."""
    binary = debian("prometheus-blackbox-exporter", "prometheus-blackbox-exporter")
    modules = "modules:\n  http: {prober: http, http: {preferred_ip_protocol: ip4}}\n  tcp: {prober: tcp}\n"
    (folder / "blackbox.yml").write_text(modules)
    address = f"127.0.0.1:{free_port()}"
    command = [binary, f"--web.listen-address={address}", f"--config.file={folder / 'blackbox.yml'}"]
    with serving("blackbox-exporter", command, folder / "blackbox.log") as server:
        server.wait_until(lambda: answers(f"http://{address}/-/healthy"))
        yield lambda path: get(f"http://{address}{path}")
