"""Every generated script and crontab, before anything runs it: linters, cron's own parser, strangers' words."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.binaries import unavailable
from hypothesis import Phase, given, settings
from jobs.running import HOST, SHELLS, Script, built, capacity, host_script, serving_webhook
from jobs.shell_words import BUILTINS, commands
from properties.strangers import LINES, TEXTS

from capgen import api, disk
from capgen.artifact import Artifact
from capgen.targets.directory import Directory

ROOT = Path(__file__).parents[2]
EVERYTHING = capacity("""
sources:
  host: {exporter: node, targets: ["localhost:9100"]}
  app: {exporter: http, targets: ["localhost:8080"], path: /metrics}
  pods: {exporter: kubernetes, workload: web}
signals:
  host.network: {capacity: 1Gbps}
workloads:
  web:
    kind: Deployment
    namespace: shop
    horizontal:
      by: script
      replicas: {max: 5}
      targets: {cpu: 70%, memory/web: 1Gi, app.throughput: 40, pods.memory: 80%}
      scale_up: {policies: [{percent: 100, every: 60s}, {pods: 2, every: 60s}]}
      scale_down: {select: disabled}
  fixed: {kind: StatefulSet, namespace: shop, vertical: {mode: recommend, containers: {"*": {max: {cpu: "2"}}}}}
notify:
  chat: {webhook: {env: CHAT_URL}}
  hook: {webhook: {env: HOOK_URL}, token: {env: CHAT_URL}}
  pager: {webhook: {secret: {name: pager, key: url}}, severities: [critical, emergency]}
  phone: {pagerduty: {secret: {name: pager, key: routing}}}
  post: {email: [on-call@example.com, second@example.com]}
  slack: {slack: {env: SLACK_URL}, channel: "#it's"}
jobs:
  all: {schedule: "@hourly", watch: [host.cpu, host.memory, host.swap, host.swap_activity, host.disk_io, host.disk_space, host.inodes, host.network, host.file_descriptors]}
  one: {schedule: "0 3 * * *", watch: [host.swap]}
  asked: {schedule: "0 3 * * *", watch: [app.latency, host.load]}
  probe: {schedule: "0 3 * * *", probe: {url: "http://localhost:8080", metrics: /metrics}}
  bare: {schedule: "0 3 * * *", probe: {url: "https://example.com/"}}
  scale: {schedule: "0 3 * * *", scale: web}
  resize: {schedule: "0 3 * * *", resize: fixed, apply: true}
""").replace("notify: {chat: {webhook: {env: CHAT_URL}}}\n", "")
ASKING = HOST + (
    'prometheus: {url: "http://prometheus:9090/p"}\n'
    'alertmanager: {smtp: {host: "mail:465", sender: c@example.com, user: c, password: {env: MAIL}}}\n'
)
CLUSTER = ASKING.replace(
    "directory: {root: ./deploy}\n",
    "kubernetes: {namespace: monitoring}\ndeliver: {jobs: cronjob}\njobs: {report_image: x/capgen:1}\n",
)
REPORTS = 'reports: {daily: {schedule: "@daily"}, quarterly: {schedule: "0 8 1 1,4,7,10 *"}}\n'


def scripts(files: dict[str, str]) -> dict[str, str]:
    """The scripts among files, from ConfigMaps too."""
    found = {path: text for path, text in files.items() if path.endswith(".sh")}
    for path, text in files.items():
        if path.endswith("/script.yaml"):
            found[path] = yaml.safe_load(text)["data"]["job.sh"]
    return found


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every script of a spec that uses everything, in both forms, and of the examples."""
    found: dict[str, str] = {}
    for name, environment in (("host", ASKING), ("cluster", CLUSTER)):
        for path, text in scripts(built(tmp_path_factory.mktemp(name), EVERYTHING + REPORTS, environment)).items():
            found[f"{name}/{path}"] = text
    for environment, artifacts in api.build([ROOT / "specs"]).artifacts:
        for path, text in scripts({a.path: a.text for a in artifacts}).items():
            found[f"{environment}/{path}"] = text
    assert len(found) >= 2 * 7 + 2 * 4 + 3
    return found


def test_shellcheck_finds_nothing(generated: dict[str, str], tmp_path: Path) -> None:
    for path, text in generated.items():
        assert "shellcheck disable" not in text
        (tmp_path / path.replace("/", "_")).write_text(text)
    shellcheck = Path(sys.executable).with_name("shellcheck")
    command = [shellcheck, "--severity=style", "--norc", *sorted(tmp_path.iterdir())]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


def test_the_default_image_has_every_program_of_a_pods_script(generated: dict[str, str]) -> None:
    """Also on branches that no test runs. alpine/k8s cannot be pulled here; its Dockerfile (github.com/alpine-docker/k8s) starts
    from Alpine, whose programs are busybox', adds curl, bash and jq with apk, and puts kubectl into /usr/bin."""
    busybox = shutil.which("busybox") or unavailable("busybox is not installed")
    there = set(subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split())
    there |= {"curl", "kubectl"}  # and neither bash nor jq: an image of one's own need not have them
    used: set[str] = set()
    for path, text in generated.items():
        if path.endswith("/script.yaml"):
            programs = commands(text) - set(re.findall(r"(?m)^\s*([a-z_]\w*)\(\)", text)) - BUILTINS
            # A report is made by capgen, in an image of one's own that has it (`jobs.report_image`).
            more = {"capgen"} if "/report-" in path else set()
            assert programs <= there | more, f"{path}: {sorted(programs - there - more)}"
            used |= programs
    assert {"awk", "curl", "date", "kubectl", "mktemp", "sed"} <= used, "the scripts were read"


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_parses_them(shell: str, generated: dict[str, str]) -> None:
    for path, text in generated.items():
        command = [shutil.which(shell) or shell, *(["ash"] if shell == "busybox" else []), "-n"]
        run = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (0, ""), path


def test_cron_takes_the_crontab(tmp_path: Path) -> None:
    files = built(
        tmp_path,
        EVERYTHING + REPORTS,
        ASKING,
    )
    path = tmp_path / "crontab"
    path.write_text(files["crontab"])
    crontab = shutil.which("crontab") or unavailable("cron is not installed")
    run = subprocess.run([crontab, "-n", str(path)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "successful" in (run.stdout + run.stderr)
    path.write_text(files["crontab"] + "61 * * * * x\n")
    assert subprocess.run([crontab, "-n", str(path)], capture_output=True, check=False).returncode != 0
    lines = [line for line in files["crontab"].splitlines() if not line.startswith("#")]
    assert len(lines) == 7 + 7 + 2 * 2
    assert not any(re.search(r"(?<!\\)%", line) for line in lines), "cron ends a command at it"


def test_its_lines_run_the_scripts(tmp_path: Path) -> None:
    """As cron does: the variables above, then the rest of the line to /bin/sh."""
    environment = ASKING.replace("./deploy", str(tmp_path / "deploy"))
    specs = tmp_path / "specs"
    built(tmp_path, EVERYTHING, environment)
    ((_, artifacts),) = api.build([specs]).artifacts
    host = Directory(tmp_path / "deploy", check=lambda *_: ())
    deliver(host, artifacts)
    text = (tmp_path / "deploy" / "crontab").read_text()
    variables = dict(line.split("=", 1) for line in text.splitlines() if re.match(r"[A-Z_]+=", line))
    assert variables["CAPGEN_HOME"] == str(tmp_path / "deploy")
    (line,) = [line for line in text.splitlines() if "jobs/one.sh" in line]
    command = line.split(" ", 5)[5].replace("logger -t capgen-shop-one", "cat")
    variables |= {"CAPGEN_STATE": str(tmp_path / "state"), "PATH": "/usr/bin:/bin"}
    run = subprocess.run(["/bin/sh", "-c", command], env=variables, capture_output=True, text=True, check=False)
    assert 'event=level signal="host.swap"' in run.stdout or "nothing_measured" in run.stdout, run.stdout + run.stderr


def test_its_reports_are_made_and_kept(tmp_path: Path) -> None:
    """The line for a report, run as cron does, over the history of a real command."""
    folder = tmp_path / "project"
    shutil.copytree(ROOT / "specs", folder / "specs")
    ((_, artifacts),) = api.build([folder / "specs"], environments=["host"]).artifacts
    (text,) = [artifact.text for artifact in artifacts if artifact.path == "crontab"]
    (line,) = [line for line in text.splitlines() if line.startswith("0 7 * * * (cd ")]
    command = line.split(" ", 5)[5].replace("logger -t capgen-report-daily", "cat").replace("\\%", "%")
    assert "--env host --prometheus" in command
    command = command.replace(" --prometheus", ' --now "$(date +%F)"')
    variables = {
        "CAPGEN_PROJECT": str(folder), "CAPGEN_REPORTS": str(tmp_path / "reports"), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
    }  # fmt: skip
    run = subprocess.run(["/bin/sh", "-c", command], env=variables, capture_output=True, text=True, check=False)
    (report,) = (tmp_path / "reports").glob("daily-20*.html")
    assert "<html" in report.read_text(), run.stdout


TOLD = """
sources: {host: {exporter: node, targets: ["localhost:9100"]}}
reports: {daily: {schedule: "0 7 * * *"}}
"""


def test_a_report_goes_to_those_who_get_news(tmp_path: Path) -> None:
    """Each service's own, to its own receivers; a pager and who wants the worst alone hear nothing of it."""
    pager = "  pager: {webhook: {env: PAGER_URL}, severities: [critical]}\n  phone: {pagerduty: {env: KEY}}\n"
    told = "notify: {chat: {webhook: {env: CHAT_URL}}}\n"
    project = tmp_path / "project"
    built(project, capacity(TOLD).replace(told, "notify:\n  chat: {webhook: {env: CHAT_URL}}\n" + pager))
    (project / "specs/other.yaml").write_text(capacity(TOLD, "other").replace(told, "").replace("Shop", "Other"))
    ((_, artifacts),) = api.build([project / "specs"]).artifacts
    files = {artifact.path: artifact.text for artifact in artifacts}
    assert "other/jobs/report-daily.sh" not in files, "nobody is told"
    assert files["crontab"].count("jobs/report-daily.sh") == 1
    assert "# other, shop, page of the daily report: " in files["crontab"]
    with serving_webhook() as webhook:
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        script = host_script(tmp_path, files, "report-daily", webhook, PATH=path, CAPGEN_PROJECT=str(project))
        run = script.run()
        assert (run.code, [line["receiver"] for line in run.of("told")]) == (0, ["chat"]), run.text
        (text,) = webhook.heard()
        assert text.startswith("Daily capacity summary: shop") and "other" not in text
        lost = script.run(CAPGEN_PROJECT=str(tmp_path / "nowhere"))
        assert (lost.code, len(lost.of("no_report")), webhook.heard()) == (5, 1, [])


def deliver(host: Directory, artifacts: tuple[Artifact, ...]) -> None:
    from harness.delivery import apply

    assert apply(host, *artifacts).error() is None


def test_they_may_be_executed_wherever_they_are_written(tmp_path: Path) -> None:
    files = built(tmp_path, EVERYTHING, ASKING)
    out = tmp_path / "generated"
    changes = disk.compare(out, files, below={""})
    disk.write(out, changes)
    assert (out / "shop/jobs/all.sh").stat().st_mode & 0o111
    assert not (out / "crontab").stat().st_mode & 0o111
    without = {path: text for path, text in files.items() if "one.sh" not in path}
    assert [c.path for c in disk.compare(out, without, below={""})] == ["shop/jobs/one.sh"], (
        "an orphan is seen as capgen's"
    )


HOSTILE = """
apiVersion: capgen/v1
kind: Capacity
metadata: {{name: shop, title: {title}}}
notify: {{chat: {{webhook: {{env: CHAT_URL}}}}}}
sources:
  host: {{exporter: node, targets: ["localhost:9100"]}}
  web: {{exporter: http, targets: ["h:80"], match: {{vhost: {line}}}}}
signals:
  host.swap: {{title: {title}, about: {title}, action: {title}, runbook: {title}, levels: {{warning: 0.1%}}, for: 0s}}
jobs:
  look: {{schedule: "0 3 * * *", watch: [host.swap, web.throughput]}}
"""


def quoted(text: str) -> str:
    """A YAML scalar by somebody else's writer."""
    return yaml.safe_dump(text, default_style='"', width=10**6).strip()


@settings(max_examples=20, deadline=None, derandomize=True, phases=[Phase.generate])
@given(title=TEXTS, line=LINES)
def test_strangers_words_are_words(tmp_path_factory: pytest.TempPathFactory, title: str, line: str) -> None:
    """Whatever a spec says is one word of the script: the script is the benign one with that word in its places."""
    folder = tmp_path_factory.mktemp("hostile")
    title = f"x{title}"  # a panel needs a title that can be seen
    for environment in (ASKING, CLUSTER):
        (text,) = scripts(built(folder, HOSTILE.format(title=quoted(title), line=quoted(line)), environment)).values()
        (benign,) = scripts(built(folder, HOSTILE.format(title="QTOKENQ", line="QTOKENQ"), environment)).values()
        assert text.count("\n") == benign.count("\n")
        run = subprocess.run(
            ["dash", "-n"], input=text, capture_output=True, text=True, errors="surrogateescape", check=False
        )
        assert run.returncode == 0, run.stderr
        said = _said(folder, text)
        assert said == [_one_line(title)] * 2, (said, title)


def _one_line(text: str) -> str:
    return re.sub("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]", " ", text)


def _said(folder: Path, text: str) -> list[str]:
    """What the script itself takes title and action of the signal to be: `describe`, run by a shell."""
    describe = text[text.index("describe() {") : text.index("\n}\n", text.index("describe() {")) + 3]
    program = describe + 'describe host.swap\nprintf \'%s\\n%s\\n\' "$title" "$action"\n'
    run = subprocess.run(["dash", "-c", program], cwd=folder, capture_output=True, check=True)
    assert run.stderr == b""
    return run.stdout.decode(errors="surrogateescape").split("\n")[:2]


def test_a_hostile_message_arrives_as_it_was_written(tmp_path: Path) -> None:
    from jobs.machine import Machine
    from jobs.running import serving_webhook

    title = 'A "quoted" \\ $(touch pwned) `touch pwned` \' {{ x }} %s \U0001f525'
    spec = (
        HOSTILE.format(title=quoted(title), line="x")
        .replace("host.swap, web.throughput", "host.memory")
        .replace("host.swap:", "host.memory:")
    )
    with serving_webhook() as webhook:
        machine = Machine(tmp_path / "proc")
        script: Script = host_script(
            tmp_path, built(tmp_path, spec, ASKING), "look", webhook, PROC_ROOT=str(machine.root)
        )
        run = script.run()
        assert run.code == 0, run.text
        (text,) = webhook.heard()
    assert title in text
    assert run.of("told")[0]["text"] == text
    assert not list(tmp_path.rglob("pwned"))


def test_objects_say_what_they_have_to(tmp_path: Path) -> None:
    files = built(
        tmp_path,
        EVERYTHING,
        CLUSTER.replace("jobs: {report_image:", "jobs: {time_zone: Europe/Berlin, image: x/y:1, report_image:"),
    )
    cronjob: dict[str, Any] = yaml.safe_load(files["shop/jobs/scale/cronjob.yaml"])
    spec = cronjob["spec"]
    pod = spec["jobTemplate"]["spec"]["template"]["spec"]
    assert (spec["concurrencyPolicy"], spec["timeZone"], spec["schedule"]) == ("Forbid", "Europe/Berlin", "0 3 * * *")
    assert spec["jobTemplate"]["spec"]["backoffLimit"] == 0
    (container,) = pod["containers"]
    assert (container["image"], container["securityContext"]["readOnlyRootFilesystem"]) == ("x/y:1", True)
    names = [e["name"] for e in container["env"]]
    assert len(names) == len(set(names)), "CHAT_URL is two secrets' variable, and one of the pod's"
    secrets = {e["name"]: e["valueFrom"]["secretKeyRef"] for e in container["env"] if "valueFrom" in e}
    assert {name: (ref["name"], ref["key"]) for name, ref in secrets.items()} == {
        "CHAT_URL": ("capgen-notify", "CHAT_URL"),
        "HOOK_URL": ("capgen-notify", "HOOK_URL"),
        "SLACK_URL": ("capgen-notify", "SLACK_URL"),
        "MAIL": ("capgen-notify", "MAIL"),
        "CAPGEN_ADDRESS_3": ("pager", "url"),
        "CAPGEN_TOKEN_4": ("pager", "routing"),
    }
    role = yaml.safe_load(files["shop/jobs/all/role.yaml"])
    assert role["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["capgen-shop-all-state"],
            "verbs": ["get", "patch"],
        }
    ]
    assert "shop/jobs/all/role-target.yaml" not in files
    assert "data" not in yaml.safe_load(files["shop/jobs/all/state.yaml"])
