"""Real database servers and their exporters from Debian's packages, each in a temporary folder on free ports.

Database servers refuse to run as root, so as root everything here runs as `nobody`. Each program is ended by
the process that was started, never by name.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.binaries import unavailable
from harness.processes import free_port, serving

POSTGRES_BIN = Path("/usr/lib/postgresql/15/bin")


def program(name: str, package: str) -> str:
    """The path of a program of a Debian package; without it the test is skipped, or fails under CI."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:{POSTGRES_BIN}")
    if found is None:
        unavailable(f"{name} is not here: apt-get install --no-install-recommends {package}")
    return found


def unprivileged(*argv: object, env: Mapping[str, str] | None = None) -> list[str]:
    """The command line that runs a program as an ordinary user, with these variables in its environment."""
    drop = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"] if os.geteuid() == 0 else []
    return [*drop, "env", *(f"{name}={value}" for name, value in (env or {}).items()), *map(str, argv)]


@contextmanager
def folder() -> Iterator[Path]:
    """A folder that the ordinary user owns (pytest's own are closed to others)."""
    path = Path(tempfile.mkdtemp(prefix="capgen-", dir="/tmp"))
    try:
        if os.geteuid() == 0:
            shutil.chown(path, "nobody", "nogroup")
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run(*argv: object, text: str = "") -> str:
    """What a program prints, run to its end as an ordinary user; it has to succeed."""
    done = subprocess.run(
        unprivileged(*argv), input=text, text=True, capture_output=True, check=False, cwd="/", timeout=120
    )
    assert done.returncode == 0, f"{argv[0]} failed: {done.stderr[-2000:]}"
    return done.stdout


@contextmanager
def running(
    argv: Sequence[object], log: Path, ready: Callable[[], object], env: Mapping[str, str] | None = None
) -> Iterator[None]:
    """A server, from when it is ready until it has ended."""
    with serving(Path(str(argv[0])).name, unprivileged(*argv, env=env), log) as server:
        server.wait_until(lambda: holds(ready))
        yield


def holds(ready: Callable[[], object]) -> bool:
    """Whether the call gives something true; one that fails does not."""
    try:
        return bool(ready())
    except AssertionError:
        return False


def until(ready: Callable[[], object], seconds: float = 30) -> None:
    """Waits until the call gives something true; fails as the call does when it takes too long."""
    deadline = time.monotonic() + seconds
    while not holds(ready):
        if time.monotonic() > deadline:
            assert ready(), "it did not happen in time"
        time.sleep(0.1)


@contextmanager
def exporter(argv: Sequence[object], log: Path, env: Mapping[str, str] | None = None) -> Iterator[str]:
    """An exporter that takes `--web.listen-address`; yields the URL of its metrics."""
    url = f"127.0.0.1:{free_port()}"
    with running([*argv, f"--web.listen-address={url}"], log, lambda: scrape(f"http://{url}/metrics"), env):
        yield f"http://{url}/metrics"


def scrape(url: str) -> str:
    """The page."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=20) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError) as error:
        raise AssertionError(f"{url} does not answer: {error}") from error


@contextmanager
def session(*argv: object) -> Iterator[Callable[[str], None]]:
    """A database client that stays connected; what is yielded sends a statement and does not wait for its result."""
    with subprocess.Popen(
        unprivileged(*argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd="/",
    ) as client:
        stdin = client.stdin
        assert stdin is not None

        def say(statement: str) -> None:
            stdin.write(statement + "\n")
            stdin.flush()

        try:
            yield say
        finally:
            client.kill()


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
                "autovacuum=off\ndeadlock_timeout=100ms\nmax_slot_wal_keep_size=1GB\n"
            )
        server = [POSTGRES_BIN / "postgres", "-D"]
        with running(
            [*server, home / "primary", "-p", primary], home / "primary.log", lambda: psql(primary, "select 1")
        ):
            psql(primary, "create extension pg_stat_statements", "create database shop")
            run(
                POSTGRES_BIN / "pg_basebackup", "-h", "127.0.0.1", "-p", primary, "-U", "postgres",
                "-D", home / "standby", "-R", "-C", "-S", "standby", "--checkpoint=fast", "--no-sync",
            )  # fmt: skip
            with running(
                [*server, home / "standby", "-p", standby], home / "standby.log", lambda: psql(standby, "select 1")
            ):
                yield primary, standby, home


def psql_client(port: int, database: str = "postgres") -> list[str]:
    """The command line of the client, statements on its stdin."""
    return [
        program("psql", "postgresql-client-15"),
        "-XAtq",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        "127.0.0.1",
        "-p",
        str(port),
        "-U",
        "postgres",
        database,
    ]


def psql(port: int, *statements: str, database: str = "postgres") -> str:
    """What the statements give, unaligned and without headings."""
    return run(*psql_client(port, database), *(word for statement in statements for word in ("-c", statement))).strip()


@contextmanager
def mariadb() -> Iterator[tuple[Path, Path, Path]]:
    """A MariaDB primary and a replica that follows it: their sockets and their folder."""
    server, install = program("mariadbd", "mariadb-server"), program("mariadb-install-db", "mariadb-server")
    with folder() as home:
        primary, replica, port = home / "primary.sock", home / "replica.sock", free_port()
        with (
            running(
                _mariadbd(server, install, home, "primary", port, 1),
                home / "primary.log",
                lambda: mysql(primary, "select 1"),
            ),
            running(
                _mariadbd(server, install, home, "replica", free_port(), 2),
                home / "replica.log",
                lambda: mysql(replica, "select 1"),
            ),
        ):
            for socket_file in (primary, replica):
                mysql(
                    socket_file,
                    "set sql_log_bin=0; create user exporter@localhost; grant all on *.* to exporter@localhost",
                )
            mysql(primary, "create user follower@'127.0.0.1'; grant replication slave on *.* to follower@'127.0.0.1'")
            follow = f"change master to master_host='127.0.0.1', master_port={port}, master_user='follower', master_use_gtid=slave_pos"
            mysql(replica, f"{follow}; start slave")
            yield primary, replica, home


def _mariadbd(server: str, install: str, home: Path, name: str, port: int, number: int) -> list[object]:
    data = f"--datadir={home / name}"
    run(install, "--no-defaults", data, "--auth-root-authentication-method=normal", "--skip-test-db")
    return [
        server, "--no-defaults", data, f"--socket={home / name}.sock", f"--port={port}", "--bind-address=127.0.0.1",
        f"--pid-file={home / name}.pid", f"--server-id={number}", "--log-bin", "--performance-schema=ON",
        "--innodb-flush-log-at-trx-commit=0", "--long-query-time=0.1", "--innodb-buffer-pool-size=16M", "--max-connections=30",
    ]  # fmt: skip


def mysql_client(socket_file: Path) -> list[str]:
    """The command line of the client, statements on its stdin."""
    return [program("mariadb", "mariadb-client"), "--no-defaults", "-BN", f"--socket={socket_file}", "-uroot", "mysql"]


def mysql(socket_file: Path, statement: str) -> str:
    """What the statements print, tab-separated and without headings."""
    return run(*mysql_client(socket_file), text=statement).strip()


@contextmanager
def redis() -> Iterator[tuple[int, int, Path]]:
    """A Redis primary limited to 50 MB and 100 clients, and a replica: their ports and their folder."""
    server = program("redis-server", "redis-server")
    with folder() as home:
        primary, replica = free_port(), free_port()
        common = ["--bind", "127.0.0.1", "--dir", home, "--save", "", "--repl-diskless-sync-delay", "0"]
        limits = ["--maxmemory", "50mb", "--maxclients", "100", "--slowlog-log-slower-than", "0"]
        follow = ["--replicaof", f"127.0.0.1 {primary}", "--dbfilename", "replica.rdb"]
        with (
            running(
                [server, *common, *limits, "--port", primary], home / "primary.log", lambda: redis_cli(primary, "ping")
            ),
            running(
                [server, *common, *follow, "--port", replica], home / "replica.log", lambda: redis_cli(replica, "ping")
            ),
        ):
            yield primary, replica, home


def redis_cli(port: int, *words: str) -> str:
    """What one command answers."""
    return run(program("redis-cli", "redis-tools"), "-p", port, *words).strip()
