"""Faults in the project, in the kubeconfig, on the way to the server, and in capgen itself."""

from __future__ import annotations

import datetime
import json
import time
from pathlib import Path
from typing import Any, NoReturn

from cli.command import Ran
from faults.by_proxy import CHANGED, Injected, quickly
from faults.scene import Scene
from harness.proxy import Fault, Seen, status

PLUGIN = "client.authentication.k8s.io/v1"
GROWN = '{%% include "capgen/%s" %%}\n%s'


# --- who is asking


def unknown_once(scene: Scene) -> Ran:
    """The credentials of a plugin, which is asked once more."""
    scene.applied()
    scene.change(*CHANGED)
    scene.proxy.fails(status(401, "Unauthorized", reason="Unauthorized"), method="PATCH", path="/web-hpa")
    answer = {"apiVersion": PLUGIN, "kind": "ExecCredential", "status": {"token": "admin-token"}}
    program = scene.folder / "plugin"
    program.write_text(f"#!/bin/sh\necho x >> {scene.folder}/asked\necho '{json.dumps(answer)}'\n")
    program.chmod(0o755)
    ran = scene.apply(
        env={"KUBECONFIG": kubeconfig(scene, user={"exec": {"apiVersion": PLUGIN, "command": str(program)}})}
    )
    assert (scene.folder / "asked").read_text() == "x\nx\n"
    return ran


def plugin(body: str, *more: str) -> Injected:
    """The credentials come from a program that is in trouble."""

    def inject(scene: Scene) -> Ran:
        program = scene.folder / "plugin"
        program.write_text(f"#!/bin/sh\n{body}\n")
        program.chmod(0o755)
        user = {"exec": {"apiVersion": PLUGIN, "command": str(program)}}
        ran = scene.apply(*more, env={"KUBECONFIG": kubeconfig(scene, user=user)})
        assert scene.proxy.seen == [], "nobody is asked as nobody"
        return ran

    return inject


def kubeconfig(scene: Scene, *, user: dict[str, Any] | None = None, server: str = "", context: str = "admin") -> str:
    config = json.loads(Path(scene.kubeconfig).read_text())
    if user is not None:
        config["users"][0]["user"] = user
    if server:
        config["clusters"][0]["cluster"] = {"server": server}
    config["current-context"] = config["contexts"][0]["name"] = context
    path = scene.folder / f"kubeconfig-{len(list(scene.folder.glob('kubeconfig-*')))}"
    path.write_text(json.dumps(config))
    return str(path)


# --- whether anybody is there


def server(url: str) -> Injected:
    return lambda scene: scene.apply(env={"KUBECONFIG": kubeconfig(scene, server=url or scene.plane.url)})


def slow(scene: Scene) -> Ran:
    scene.proxy.fails(Fault(seconds=30), times=99, path="/web-hpa")
    begun = time.monotonic()
    ran = scene.apply("--timeout", "3")
    assert time.monotonic() - begun < 15
    return ran


class Tomorrow(datetime.datetime):
    """The clock of a machine that is a day ahead."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> Tomorrow:
        return cls.fromtimestamp(time.time() + 86400, tz)


def clock_skew(scene: Scene) -> Ran:
    """Another run renews its lease; by our clock it has not done so for a day."""
    lease(scene, time.time())
    return scene.apply(capgen__targets__lease__SECONDS=1, capgen__targets__lease__datetime=Tomorrow)


def lease(scene: Scene, renewed: float) -> None:
    when = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime(renewed))
    spec = {"holderIdentity": "somebody", "leaseDurationSeconds": 30, "renewTime": when}
    metadata = {"name": "capgen.shop"}
    document = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
    scene.create(document, home=True)
    scene.afterwards(lambda: scene.plane.kubectl("delete", "lease", "capgen.shop", "-n", scene.namespace))


def one_after_the_other(scene: Scene) -> Ran:
    """A second run begins while the first one writes; it waits and then finds the work done."""
    other: list[Any] = []

    def rule(seen: Seen) -> Fault | None:
        if seen.method == "PATCH" and "/web-hpa" in seen.path and not other:
            other.append(scene.start("apply", "--env", "live", "--yes"))
            time.sleep(1.5)
        return None

    scene.proxy.rule = rule
    first = scene.apply()
    assert first.code == 0 and other[0].ended().code == 0
    held = [s.path for s in scene.proxy.seen if s.method == "GET" and "/leases/" in s.path]
    assert len(held) > 2, "it looked until the first gave it back"
    return first


def two_services(scene: Scene) -> Ran:
    """Somebody delivers another service meanwhile: nobody waits."""
    lease(scene, time.time())
    scene.workloads("other", service="other")
    return scene.run("apply", "specs/other.yaml", "--env", "live", "--yes", "--format", "json")


# --- the project


def said_no(scene: Scene) -> Ran:
    """Two files: the first says where to, and the second has another current context."""
    dead = kubeconfig(scene, server="https://127.0.0.1:1", context="dead")
    return scene.apply(env={"KUBECONFIG": f"{scene.kubeconfig}:{dead}"})


def environment_says(what: str) -> Injected:
    def inject(scene: Scene) -> Ran:
        scene.change("kubernetes: {", f"kubernetes: {{{what}, ", file=scene.environment)
        scene.afterwards(lambda: scene.change(f"{{{what}, ", "{", file=scene.environment))
        ran = scene.apply()
        assert scene.writes() == []
        return ran

    return inject


def proxied(scene: Scene) -> Ran:
    """A proxy of the machine's, which kubectl does not use for an address of the machine either."""
    return scene.apply(env={"HTTP_PROXY": "http://127.0.0.1:1", "HTTPS_PROXY": "http://127.0.0.1:1"})


def project_changes(*names: str, service: str = "shop", text: str = "") -> Injected:
    """The spec declares other workloads, is another service's, or is no YAML any more."""

    def inject(scene: Scene) -> Ran:
        before = scene.spec.read_text()
        scene.applied()
        scene.spec.unlink()
        scene.workloads(*names, service=service)
        if text:
            scene.spec.write_text(text)
        scene.afterwards(lambda: scene.spec.write_text(before))
        if service != "shop":
            scene.afterwards(lambda: (scene.spec.parent / f"{service}.yaml").unlink())
        ran = scene.apply()
        assert not [write for write in scene.writes() if "-hpa" in write], "nothing is deleted or changed"
        return ran

    return inject


def prune_counted(scene: Scene) -> Ran:
    scene.applied()
    scene.workloads("web")
    scene.change("name: shop", "name: shop")
    scene.environment.write_text(scene.environment.read_text())
    assert scene.apply("--no-prune").code == 0 and scene.live("cart")
    scene.workloads("new")
    scene.afterwards(lambda: scene.workloads("web", "cart", "search", "new"))
    scene.proxy.seen.clear()
    return scene.apply()


def template(name: str, text: str, *more: str) -> Injected:
    """capgen generates something that is not as a server wants it."""

    def inject(scene: Scene) -> Ran:
        scene.template(name, GROWN % (name, text))
        ran = scene.apply(*more, **quickly())
        tried = [path for path in scene.writes() if "web-hpa" in path]
        assert len(tried) <= 1, "what will not pass is not asked twice"
        return ran

    return inject


def role_changes(*more: str) -> Injected:
    """A binding is to name another role, which no server changes in place."""

    def inject(scene: Scene) -> Ran:
        scene.change("jobs: none", "jobs: cronjob", file=scene.environment)
        job = "jobs:\n  look: {schedule: '*/5 * * * *', watch: [host.cpu], timeout: 40s}\n"
        sources = "sources: {host: {exporter: node, targets: ['h:9100']}}\n"
        scene.spec.write_text(scene.spec.read_text() + sources + job)
        scene.applied()
        binding = scene.plane.kubectl(
            "get", "rolebinding", "-n", scene.namespace, "-o", "jsonpath={.items[0].metadata.name}"
        )
        scene.template("kubernetes/rolebinding.yaml.j2", OTHER_ROLE)
        flags = [word.replace("BINDING", f"RoleBinding/{scene.namespace}/{binding}") for word in more]
        ran = scene.apply(*flags)
        live = scene.live(binding, "rolebinding")
        assert live["roleRef"]["name"].endswith("-other") is bool(more)
        return ran

    return inject


OTHER_ROLE = """\
{% extends "capgen/kubernetes/rolebinding.yaml.j2" %}
{% block binding %}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ name }}-other
subjects:
- kind: ServiceAccount
  name: {{ account }}
  namespace: {{ account_namespace }}
{% endblock %}
"""


def large(kilobytes: int) -> Injected:
    """A dashboard of this size."""

    def inject(scene: Scene) -> Ran:
        scene.change("grafana: none", "grafana: sidecar", file=scene.environment)
        text = f"{{% for _ in range({kilobytes}) %}}\n  file{{{{ loop.index }}}}: {'x' * 1000}\n{{% endfor %}}\n"
        scene.template("kubernetes/configmap.yaml.j2", GROWN % ("kubernetes/configmap.yaml.j2", text))
        return scene.apply()

    return inject


def many(count: int, kilobytes: int) -> Injected:
    """So many dashboards of this size, each of a service of its own."""

    def inject(scene: Scene) -> Ran:
        for number in range(count):
            scene.workloads(f"w{number}", service=f"s{number}")
        ran = large(kilobytes)(scene)
        kinds = [
            entry["key"].partition("/")[0] for entry in json.loads(ran.out)["results"] if entry["state"] == "created"
        ]
        assert kinds.count("ConfigMap") >= count, kinds
        return ran

    return inject


def odd_text(scene: Scene) -> Ran:
    text = "🔥 a/b {{ $value }} null"
    scene.change(
        "owner: team}", f'owner: team, title: "{text}"}}\nsources: {{host: {{exporter: node, targets: ["h:9100"]}}}}'
    )
    scene.change("grafana: none", "grafana: sidecar", file=scene.environment)
    ran = scene.apply()
    assert ran.code == 0, ran.err
    listed = json.loads(scene.plane.kubectl("get", "configmap", "-n", scene.namespace, "-o", "json"))["items"]
    boards = [
        json.loads(text) for item in listed for name, text in item.get("data", {}).items() if name.endswith(".json")
    ]
    assert any("🔥 a/b {{ $" in board["title"] for board in boards), [b["title"] for b in boards]
    return ran


def broken(*_: object) -> NoReturn:
    raise ZeroDivisionError("bug")


def crash(scene: Scene) -> Ran:
    scene.applied()
    ran = scene.diff("--save", "plan.json", capgen__reconcile__build__compare=broken)
    assert not (scene.folder / "plan.json").exists() and not list(scene.folder.glob("plan.json*"))
    return ran


def crash_while_writing(scene: Scene) -> Ran:
    scene.applied()
    scene.workloads("web", "search", "more")
    return scene.apply(capgen__targets__objects__delete=broken)
