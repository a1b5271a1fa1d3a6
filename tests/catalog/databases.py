"""Real database servers and their exporters from Debian's packages, each in a temporary folder on free ports.

Servers refuse to run as root, so as root everything here is started as `nobody`; and each is ended by the
process that was started, never by name.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")
_UNPRIVILEGED = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}


def program(name: str, package: str) -> str:
    """The path of a program of a Debian package; without it the test is skipped, or fails under CI."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:{POSTGRES_BIN}")
    if found is None:
        missing = f"{name} is not here: apt-get install --no-install-recommends {package}"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    return found


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that the unprivileged user owns (pytest's own are closed to others)."""
    path = Path(tempfile.mkdtemp(prefix="capgen-", dir="/tmp"))
    try:
        if _UNPRIVILEGED:
            shutil.chown(path, "nobody", "nogroup")
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(*argv: str | Path, text: str = "") -> str:
    """What a program prints, run to its end as the unprivileged user; it has to succeed."""
    done = subprocess.run(
        [str(a) for a in argv], input=text, text=True, capture_output=True, check=False, cwd="/", timeout=120, **_UNPRIVILEGED
    )
    assert done.returncode == 0, f"{argv[0]} failed: {done.stderr[-2000:]}"
    return done.stdout


@contextmanager
def running(argv: Sequence[str | Path], port: int, log: Path, env: Mapping[str, str] | None = None) -> Iterator[None]:
    """A server, from when its port answers until it has ended."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(a) for a in argv], stdout=out, stderr=out, cwd="/", env={"PATH": os.environ["PATH"], **(env or {})}, **_UNPRIVILEGED
        )
    try:
        deadline = time.monotonic() + 60
        while not _answers(port):
            assert process.poll() is None, f"{argv[0]} ended: {log.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"{argv[0]} does not answer: {log.read_text()[-2000:]}"
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def exporter(argv: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """An exporter that takes `--web.listen-address`; yields the URL of its metrics."""
    port = free_port()
    with running([*argv, f"--web.listen-address=127.0.0.1:{port}"], port, log, env):
        yield f"http://127.0.0.1:{port}/metrics"


def scrape(url: str) -> str:
    """The page, once the exporter serves it."""
    for _ in range(50):
        try:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"{url} does not answer")


@contextmanager
def session(*argv: str | Path) -> Iterator[subprocess.Popen[str]]:
    """A database client that stays connected while statements are written to it."""
    client = subprocess.Popen(
        [str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True, cwd="/", **_UNPRIVILEGED
    )
    try:
        yield client
    finally:
        client.kill()
        client.wait()


def say(client: subprocess.Popen[str], statement: str) -> None:
    """One statement, without waiting for its result."""
    assert client.stdin is not None
    client.stdin.write(statement + "\n")
    client.stdin.flush()


@contextmanager
def postgres() -> Iterator[tuple[int, int, Path]]:
    """A PostgreSQL primary and a standby that follows it through a slot: their ports and their folder."""
    program("initdb", "postgresql-15")
    with folder() as home:
        primary, standby = free_port(), free_port()
        run(POSTGRES_BIN / "initdb", "-D", home / "primary", "-U", "postgres", "-A", "trust", "--no-sync")
        with (home / "primary" / "postgresql.conf").open("a") as conf:
            conf.write(
                f"listen_addresses='127.0.0.1'\nunix_socket_directories='{home}'\nfsync=off\nmax_connections=20\n"
                "superuser_reserved_connections=3\nshared_preload_libraries='pg_stat_statements'\n"
                "deadlock_timeout=100ms\nwal_level=replica\nmax_slot_wal_keep_size=1GB\n"
            )
        server = POSTGRES_BIN / "postgres"
        with running([server, "-D", home / "primary", "-p", str(primary)], primary, home / "primary.log"):
            until(lambda: psql(primary, "select 1"))
            psql(primary, "create extension pg_stat_statements", "create database shop")
            run(
                POSTGRES_BIN / "pg_basebackup", "-h", "127.0.0.1", "-p", str(primary), "-U", "postgres",
                "-D", home / "standby", "-R", "-C", "-S", "standby", "--checkpoint=fast", "--no-sync",
            )  # fmt: skip
            with running([server, "-D", home / "standby", "-p", str(standby)], standby, home / "standby.log"):
                until(lambda: psql(standby, "select 1"))
                yield primary, standby, home


def psql(port: int, *statements: str, database: str = "postgres") -> str:
    """What the last statement gives, unaligned and without headings."""
    argv = [program("psql", "postgresql-client-15"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", database]
    for statement in statements:
        argv += ["-c", statement]
    return run(*argv).strip()


@contextmanager
def mariadb() -> Iterator[tuple[Path, Path, Path]]:
    """A MariaDB primary and a replica that follows it: their sockets and their folder."""
    server = program("mariadbd", "mariadb-server")
    install = program("mariadb-install-db", "mariadb-server")
    with folder() as home:
        ports = {"primary": free_port(), "replica": free_port()}
        sockets = {name: home / f"{name}.sock" for name in ports}
        argv = {}
        for number, (name, port) in enumerate(ports.items(), start=1):
            own = [f"--datadir={home / name}", "--no-defaults"]
            run(install, "--no-defaults", own[0], "--auth-root-authentication-method=normal", "--skip-test-db")
            argv[name] = [
                server, "--no-defaults", own[0], f"--socket={sockets[name]}", f"--port={port}", "--bind-address=127.0.0.1",
                f"--pid-file={home / name}.pid", f"--server-id={number}", "--log-bin", "--performance-schema=ON",
                "--performance-schema-consumer-statements-digest=ON", "--performance-schema-instrument=statement/%=ON",
                "--innodb-flush-log-at-trx-commit=0", "--long-query-time=0.1", "--innodb-buffer-pool-size=16M", "--max-connections=30",
            ]  # fmt: skip
        with (
            running(argv["primary"], ports["primary"], home / "primary.log"),
            running(argv["replica"], ports["replica"], home / "replica.log"),
        ):
            for socket_file in sockets.values():
                mysql(socket_file, "set sql_log_bin=0; create user exporter@localhost; grant all on *.* to exporter@localhost")
            mysql(sockets["primary"], "create user follower@'127.0.0.1'; grant replication slave on *.* to follower@'127.0.0.1'; flush privileges")
            mysql(
                sockets["replica"],
                f"change master to master_host='127.0.0.1', master_port={ports['primary']}, master_user='follower', "
                "master_use_gtid=slave_pos; start slave",
            )
            yield sockets["primary"], sockets["replica"], home


def mysql(socket_file: Path, statement: str, database: str = "mysql") -> str:
    """What the statements print, tab-separated and without headings."""
    return run(*mysql_client(socket_file, database), text=statement).strip()


def mysql_client(socket_file: Path, database: str = "mysql") -> list[str]:
    """The command line of the client, statements on its stdin."""
    return [program("mariadb", "mariadb-client"), "--no-defaults", "-BN", f"--socket={socket_file}", "-uroot", database]


@contextmanager
def redis() -> Iterator[tuple[int, int, Path]]:
    """A Redis primary limited to 50 MB and 100 clients, and a replica: their ports and their folder."""
    server = program("redis-server", "redis-server")
    with folder() as home:
        primary, replica = free_port(), free_port()
        common = ["--bind", "127.0.0.1", "--dir", str(home), "--save", "", "--repl-diskless-sync-delay", "0"]
        limits = ["--maxmemory", "50mb", "--maxclients", "100", "--slowlog-log-slower-than", "1000"]
        follow = ["--replicaof", f"127.0.0.1 {primary}", "--dbfilename", "replica.rdb"]
        with (
            running([server, *common, *limits, "--port", str(primary)], primary, home / "primary.log"),
            running([server, *common, *follow, "--port", str(replica)], replica, home / "replica.log"),
        ):
            yield primary, replica, home


def redis_cli(port: int, *words: str) -> str:
    """What one command answers."""
    return run(program("redis-cli", "redis-tools"), "-p", str(port), *words).strip()


def until(holds: object, seconds: float = 30) -> None:
    """Waits until the call neither fails nor gives something false."""
    assert callable(holds)
    deadline = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except AssertionError:
            if time.monotonic() > deadline:
                raise
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
