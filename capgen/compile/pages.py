"""Links each alert to the generated page that says what to do: its signal's place there, or its source's."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from capgen import naming
from capgen.blueprint import Alert, Group

PAGE, RUNBOOK = "page_url", "runbook_url"


def link_pages(groups: Sequence[Group], service: str, pages: str) -> tuple[Group, ...]:
    """The groups, with links in their alerts. `pages` is where the environment's pages can be read, "" where nobody
    said; a service without a runbook then has its page for one."""
    if not pages:
        return tuple(groups)
    # Prometheus shall print a brace and not run it.
    page = f"{pages}/{naming.page(service)}".replace("{", "%7B").replace("}", "%7D")
    return tuple(replace(group, alerts=tuple(_linked(alert, page) for alert in group.alerts)) for group in groups)


def _linked(alert: Alert, page: str) -> Alert:
    address = f"{page}#{alert.signal}"
    texts = {RUNBOOK: address, **dict(alert.annotations), PAGE: address}
    return replace(alert, annotations=tuple(sorted(texts.items())))
