"""The quick build gives what the plain build gives: the same files, the same findings, whatever it remembers."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from capgen import api, disk
from capgen.errors import Findings
from capgen.incremental import crew, index, memory
from capgen.incremental.build import Files, build_files

ROOT = Path(__file__).parents[2]


@dataclass
class Project:
    """A copy of the example project, with an output folder and a cache of its own."""

    folder: Path

    @property
    def specs(self) -> Path:
        return self.folder / "specs"

    @property
    def out(self) -> Path:
        return self.folder / "generated"

    @property
    def cache(self) -> Path:
        return self.folder / "cache"

    def quick(self, jobs: int = 1) -> Files | None:
        """The quick build alone, without the plain one behind it."""
        catalog, templates = api.load_catalog(self.folder), api.load_templates(self.folder)
        sources = api.read_sources([self.specs])
        return build_files(sources, catalog, templates, out=self.out, jobs=jobs, cache=self.cache)

    def plain(self) -> dict[str, str]:
        return api.generated_files(api.build([self.specs]))

    def build(self) -> Files:
        """As `capgen build`: compiled, and written."""
        files = self.generate()
        disk.write(self.out, disk.compare(self.out, files.wanted, below=("",), same=files.same))
        return files

    def generate(self, *, thorough: bool = False) -> Files:
        """What `capgen build` would write, and `build --check` look for."""
        return api.generate([self.specs], out=self.out, cache=self.cache, thorough=thorough)

    def edit(self, name: str, old: str, new: str) -> None:
        path = self.specs / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)


def fresh_services(files: Files) -> set[str]:
    """The services whose own files were compiled and not taken over."""
    fresh = (path.split("/") for path in files.wanted if path not in files.same)
    return {parts[1] for parts in fresh if len(parts) > 2 and not parts[1].startswith("fleet_")}


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_the_same_files_and_notes_on_any_number_of_cores(
    project: Project, monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    monkeypatch.setattr(crew, "PIECE", 1)
    files = project.quick(jobs)
    assert files is not None
    assert files.wanted == project.plain()
    compiled = api.compile_project([project.specs])
    assert set(files.found) == {*compiled.diagnostics, *api.check_compiled(compiled)}


def test_nothing_is_compiled_again_when_nothing_changed(project: Project) -> None:
    first, again = project.build(), project.build()
    assert fresh_services(first) == {"apm", "cache", "ledger", "shop"}
    assert fresh_services(again) == set()
    assert again.wanted == first.wanted
    assert again.found == first.found


def test_one_change_compiles_one_service(project: Project) -> None:
    project.build()
    project.edit("cache.yaml", "warning: 65%", "warning: 60%")
    files = project.build()
    assert fresh_services(files) == {"cache"}
    assert files.wanted == project.plain()
    assert ">= 0.6" in files.wanted["production/cache/prometheusrule.yaml"]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda p: p.edit("defaults.yaml", "organisation: example", "organisation: other"), id="defaults"),
        pytest.param(lambda p: p.edit("environments/host.yaml", "grafana: files", "grafana: none"), id="environment"),
        pytest.param(
            lambda p: write(p.folder / "catalog" / "mine.yaml", "exporter: mine\ntitle: Mine\nmetrics: {}\n"),
            id="catalogue",
        ),
        pytest.param(
            lambda p: write(
                p.folder / "templates/prometheus/rules.yml.j2", "# mine, {{ spec }}\ngroups:\n{{ groups }}\n"
            ),
            id="template",
        ),
    ],
)
def test_what_concerns_all_services_compiles_all_of_them(project: Project, change: Callable[[Project], None]) -> None:
    project.build()
    change(project)
    files = project.build()
    assert fresh_services(files) == {"apm", "cache", "ledger", "shop"}
    assert files.wanted == project.plain()


def test_defaults_in_disguise_are_defaults(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crew, "PIECE", 1)
    project.edit("defaults.yaml", "kind: Defaults", 'kind: "Default\\x73"')
    files = project.build()
    assert files.wanted == project.plain()
    assert "organisation: example" in files.wanted["production/shop/prometheusrule.yaml"]


def test_bytecode_that_comes_and_goes_is_no_part_of_the_program(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another interpreter writes `x.pyc.<number>` beside the module and renames it, at any time."""
    own = tmp_path / "own"
    (own / "__pycache__").mkdir(parents=True)
    (own / "__pycache__/le_float.cpython-311.pyc.1234").symlink_to("gone")
    monkeypatch.setattr(memory, "template_root", lambda: own)
    project.build()
    assert not fresh_services(project.build())


def later(touched: Path, than: Path) -> None:
    """Touches a file until the file system's clock has gone on since the other was changed."""
    touched.touch()
    while touched.stat().st_ctime_ns <= than.stat().st_ctime_ns:
        touched.touch()


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize("hurt", ["edited", "removed"])
def test_a_generated_file_that_is_not_what_it_was_comes_back(project: Project, hurt: str) -> None:
    project.build()
    path = project.out / "production/shop/hpa-shop-web.yaml"
    if hurt == "edited":
        path.write_text(path.read_text(encoding="utf-8").replace("60", "61"), encoding="utf-8")
    else:
        path.unlink()
    project.build()
    assert path.read_text(encoding="utf-8") == project.plain()["production/shop/hpa-shop-web.yaml"]


def test_a_check_reads_every_file_whatever_is_known_of_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build believes what the file system says of files; what guards a merge must not."""
    project.build()
    path = project.out / "production/shop/hpa-shop-web.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("60", "61"), encoding="utf-8")
    truth = hashlib.sha256(project.plain()["production/shop/hpa-shop-web.yaml"].encode()).hexdigest()
    read = index._read
    with monkeypatch.context() as lie:
        lie.setattr(
            index, "_read", lambda name: (seen[0], truth) if (seen := read(name)) and name == str(path) else seen
        )
        later(project.out / "production/cache/README.md", path)
        project.generate()
    assert not fresh_services(project.generate()), "the lie is not believed; this tests nothing"
    assert fresh_services(project.generate(thorough=True)) == {"shop"}


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda raw: b"", id="empty"),
        pytest.param(lambda raw: raw[:-1], id="cut off"),
        pytest.param(lambda raw: raw.replace(b"ShopWebDown", b"ShopWebDawn", 1), id="one letter"),
        pytest.param(lambda raw: b"\xff\xfe\n" + raw, id="no text"),
        pytest.param(lambda raw: raw.partition(b"\n")[2], id="without its digest"),
    ],
)
def test_a_damaged_memory_is_no_memory(project: Project, damage: Callable[[bytes], bytes]) -> None:
    project.build()
    [memory] = project.cache.iterdir()
    hurt = damage(memory.read_bytes())
    assert hurt != memory.read_bytes()
    memory.write_bytes(hurt)
    files = project.build()
    assert fresh_services(files) == {"apm", "cache", "ledger", "shop"}
    assert files.wanted == project.plain()


def test_a_cache_that_cannot_be_written_does_no_harm(project: Project) -> None:
    write(project.cache, "a file, where a folder would be")
    assert project.build().wanted == project.plain()


def test_a_service_that_is_gone_takes_its_files_along(project: Project) -> None:
    project.build()
    (project.specs / "cache.yaml").unlink()
    files = project.build()
    assert fresh_services(files) == set()
    assert not (project.out / "production" / "cache").exists()
    assert files.wanted == project.plain()


SAME_NAME = """\
apiVersion: capgen/v1
kind: Capacity
metadata: {name: cache, environments: [host]}
sources: {other: {exporter: node, targets: ["localhost:9100"]}}
"""


@pytest.mark.parametrize(
    ("mistake", "code"),
    [
        pytest.param(lambda p: p.edit("shop.yaml", "web.latency:", "web.latncy:"), "CG306", id="in one spec"),
        pytest.param(lambda p: p.edit("shop.yaml", "kind: Capacity", "kind: Capacities"), "CG207", id="no kind"),
        pytest.param(lambda p: write(p.specs / "x.yaml", SAME_NAME), "CG303", id="a name twice"),
        pytest.param(lambda p: p.edit("shop.yaml", "[production]", "[produktion]"), "CG302", id="no such environment"),
        pytest.param(
            lambda p: p.edit("environments/production.yaml", "  apm:", "  apn:"), "CG302", id="no such service"
        ),
        pytest.param(lambda p: p.edit("apm.yaml", "  name: apm", "  name: apn"), "CG302", id="the service is gone"),
        pytest.param(lambda p: p.edit("shop.yaml", "job: shop-web", "job: ledger"), "CG315", id="a job claimed twice"),
    ],
)
def test_mistakes_are_the_plain_builds_to_tell(project: Project, mistake: Callable[[Project], None], code: str) -> None:
    project.build()
    mistake(project)
    assert project.quick() is None
    with pytest.raises(Findings) as quick:
        project.build()
    with pytest.raises(Findings) as plain:
        project.plain()
    assert quick.value.diagnostics == plain.value.diagnostics
    assert code in {finding.code for finding in quick.value.diagnostics}
