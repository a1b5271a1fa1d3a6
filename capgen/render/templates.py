"""The Jinja environments: every value that a template prints is escaped for the file it lands in.

In a YAML template `{{ value }}` is one YAML value on one line, whatever it holds, so no spec can add a key, a
document or a template directive. In a shell template (`*.sh.j2`) it is one
quoted word on one line, in a Markdown template (`*.md.j2`) one line of plain text. The packaged templates are ours and run plainly; a project's own may come
from a stranger's pull request and run in Jinja's sandbox. Templates loop and print; they never compute.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    Environment,
    StrictUndefined,
    TemplateError,
    TemplateNotFound,
    TemplateSyntaxError,
    Undefined,
    nodes,
)
from jinja2 import Template as JinjaTemplate
from jinja2.compiler import CodeGenerator, Frame
from jinja2.exceptions import SecurityError
from markupsafe import Markup
from msgspec import Struct

from capgen import markdown, yamlio
from capgen.diagnostics import Diagnostic, Span
from capgen.errors import Findings
from capgen.render.origin import template_line
from capgen.render.sandbox import Sandbox, is_below

PACKAGED = "capgen/"
"""A project's template extends the packaged one of its name as `capgen/<name>`."""


class Template(Struct, frozen=True):
    """A project's own template: its name below `templates/`, its file as messages call it, its text."""

    name: str
    file: str
    text: str


@lru_cache(maxsize=1)
def template_root() -> Path:
    """Where the packaged templates are: in the wheel, or at the top of a checkout."""
    shipped = Path(str(files("capgen"))) / "_templates"
    return shipped if shipped.is_dir() else Path(__file__).parents[2] / "templates"


# Labels, words and units come back in every rule; texts of one service need not be kept for the next.
_text = lru_cache(maxsize=1024)(yamlio.scalar)


def _yaml(value: Any) -> str:
    if type(value) is str:
        return _text(value)
    # Markup is what a block or macro already printed, and only Jinja makes it.
    if isinstance(value, Markup):
        return value
    if isinstance(value, Undefined):
        return str(value)  # a strict one raises, and names what is missing; `{{ a if b }}` prints nothing
    return yamlio.scalar(value)


# A word of a script may stand in a comment or a log line, so what would end a line becomes a space.
LINE_ENDS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")


_ACTIVE = re.compile(r'[\\"$`]')


def _shell(value: Any) -> str:
    if isinstance(value, Markup):
        return value
    if isinstance(value, Undefined):
        return str(value)
    if not isinstance(value, str) and type(value) is not int:
        raise TypeError(f"{value!r} is no word: a shell template prints texts and whole numbers")
    text = LINE_ENDS.sub(" ", str(value))
    if "$" in text or "`" in text:
        # The same as in single quotes, and shellcheck sees that nothing was meant to be run.
        return '"' + _ACTIVE.sub(r"\\\g<0>", text) + '"'
    return shlex.quote(text)


# What a web view makes a link of although nobody wrote one: an address, a host, a mail address or a mention.
_AUTOLINK = re.compile(r":(?=//)|(?i:w)(?=(?i:ww\\?\.))|@")


@lru_cache(maxsize=1024)
def prose(text: str) -> str:
    """One line of text in Markdown: it reads as it is and means nothing, and nothing in it becomes a link."""
    safe = markdown.inline(text)
    if safe.endswith("#") and safe != "\\#":  # at the end of a heading it would be taken for the heading's own
        safe = f"{safe[:-1]}\\#"
    return _AUTOLINK.sub(lambda found: "\\:" if found[0] == ":" else found[0] + markdown.WORD_JOINER, safe)


def _markdown(value: Any) -> str:
    if type(value) is str:
        return prose(value)
    if isinstance(value, Markup):
        return value
    if isinstance(value, Undefined):
        return str(value)
    if not isinstance(value, str) and type(value) is not int:
        raise TypeError(f"{value!r} is no text: a Markdown template prints texts and whole numbers")
    return prose(str(value))


_FORMATS: Mapping[str, Callable[[Any], str]] = {".sh.j2": _shell, ".md.j2": _markdown}
"""Escaping by the end of a template's name; all others are YAML."""


def _escaping(name: str) -> Callable[[Any], str]:
    return next((escape for end, escape in _FORMATS.items() if name.endswith(end)), _yaml)


class _Printing(CodeGenerator):
    """Prints what `finalize` gives as it stands: it has escaped every value, and Jinja's own escaping (HTML's) would
    only go over each of them once more."""

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write(str(finalize.src))

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> None:
        self.write(")")

    def _output_child_to_const(self, node: nodes.Expr, frame: Frame, finalize: CodeGenerator._FinalizeInfo) -> str:
        constant = node.as_const(frame.eval_ctx)
        if isinstance(node, nodes.TemplateData) or finalize.const is None:
            return str(constant)
        return str(finalize.const(constant))


_BLOCK = re.compile(r"\{%( *(?:end)?block\b[^%]*)%\}")


class _Loader(BaseLoader):
    def __init__(self, own: Mapping[str, Template]) -> None:
        self.own = own

    def get_source(self, environment: Environment, template: str) -> tuple[str, str | None, Any]:
        if template in self.own:
            return self.own[template].text, self.own[template].file, lambda: True
        path = template_root() / template.removeprefix(PACKAGED)
        if not is_below(template) or not path.is_file():
            raise TemplateNotFound(template)
        text = path.read_text(encoding="utf-8")
        if not self.own:
            # Blocks are there to be replaced. One that nobody replaces runs with its surroundings, and not once more for
            # each alert in a context of its own.
            text = _BLOCK.sub(r"{#\1#}", text)
        return text, str(path), lambda: True


def _options(loader: _Loader) -> dict[str, Any]:
    return {
        "loader": loader,
        "autoescape": True,
        "undefined": StrictUndefined,
        "trim_blocks": True,
        "lstrip_blocks": True,
        "keep_trailing_newline": True,
    }


@lru_cache(maxsize=8)
def _packaged(escape: Callable[[Any], str]) -> Environment:
    environment = Environment(finalize=escape, **_options(_Loader({})))  # noqa: S701 (autoescape is set in the options)
    environment.code_generator_class = _Printing
    return environment


@lru_cache(maxsize=64)
def _compiled(name: str) -> JinjaTemplate:
    return _packaged(_escaping(name)).get_template(name)


class Templates:
    """Renders templates by name, a project's own before the packaged ones."""

    def __init__(self, own: Mapping[str, Template] | None = None) -> None:
        self.own = dict(own or {})
        self._sandboxes: dict[Callable[[Any], str], Sandbox] = {}

    def render(self, name: str, /, **values: Any) -> str:
        """The text of a template. With templates of the project's own, raises Findings that name file and line
        when one fails (CG701) or writes what is no YAML (CG702)."""
        if not self.own:
            return _compiled(name).render(values)
        try:
            for template in self.own.values():
                self._refuse_concatenation(template)
            text = self._sandboxed(name).rendered(name, values)
        except TemplateSyntaxError as error:
            raise self._broken(name, error, error.lineno) from error
        except (
            TemplateError,
            SecurityError,
            TypeError,
            ValueError,
            ArithmeticError,
            LookupError,
            AttributeError,
            RecursionError,
        ) as error:
            raise self._broken(name, error, None) from error
        self._verify(name, text, values)
        return text

    def _sandboxed(self, name: str) -> Sandbox:
        escape = _escaping(name)
        if escape not in self._sandboxes:
            longest = max((len(template.text) for template in self.own.values()), default=0)
            sandbox = Sandbox(escape=escape, literals=longest, **_options(_Loader(self.own)))
            sandbox.code_generator_class = _Printing
            self._sandboxes[escape] = sandbox
        return self._sandboxes[escape]

    def _refuse_concatenation(self, template: Template) -> None:
        """`~` would glue text that is escaped to text that is not."""
        tree = self._sandboxed(template.name).parse(template.text, template.name, template.file)
        for node in tree.find_all(nodes.Concat):
            raise TemplateSyntaxError(
                "`~` is not allowed: print the values one after the other", node.lineno, template.name, template.file
            )

    def _verify(self, name: str, text: str, values: Mapping[str, Any]) -> None:
        """The packaged templates are proved by tests; what a project's template writes as YAML is read back."""
        if _escaping(name) is not _yaml:
            return
        if name not in self.own and not text.strip():
            return  # a part that has nothing to say: a service without rules has no groups
        _, found = yamlio.read(yamlio.Source(name, text))
        if not found:
            return
        wrong = found[0]
        line = wrong.span.line if wrong.span else 1
        self._sandboxed(name).refill(8)  # with marks on each line it prints a little more
        printed = template_line(self._sandboxed(name), {t.name: t.file for t in self.own.values()}, name, values, line)
        template = self.own[printed[0]] if printed else next(iter(self.own.values()))
        at = printed[1] if printed else 1
        message = f"what this template writes is broken: {wrong.message} (line {line} of the output: {wrong.excerpt.strip()!r})"
        raise Findings([_finding("CG702", message, template, at)])

    def _broken(self, name: str, error: Exception, line: int | None) -> Findings:
        files = {t.file: t for t in self.own.values()}
        at = line
        blamed = files.get(str(getattr(error, "filename", None))) or self.own.get(name)
        if at is None:
            for template in self.own.values():
                if (found := _line_of(error, template.file)) is not None:
                    blamed, at = template, found
        blamed = blamed or next(iter(self.own.values()))
        if isinstance(error, RecursionError):
            said = "it includes, extends or calls itself without end"
        elif isinstance(error, TemplateNotFound):
            said = f"there is no template {error.name!r}"
        else:
            said = str(getattr(error, "message", None) or error)
        return Findings([_finding("CG701", f"the template fails: {said}", blamed, at or 1)])


def _finding(code: str, message: str, template: Template, line: int) -> Diagnostic:
    lines = template.text.split("\n")
    excerpt = lines[line - 1] if 0 < line <= len(lines) else ""
    span = Span(template.file, line, 1, line, len(excerpt) + 1)
    return Diagnostic(
        code, message, span, f"compare it with the packaged template {PACKAGED}{template.name}", excerpt=excerpt
    )


def _line_of(error: BaseException, file: str) -> int | None:
    """The line of a template in which an error arose (Jinja rewrites its frames to template lines)."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line
