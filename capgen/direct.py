"""HTTP that goes where it was sent and nowhere else: a redirect is an answer and not a way.

A token belongs to the server that it was given for, and a reload to the one that was named.
"""

from __future__ import annotations

import urllib.request


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object, **__: object) -> None:
        return None


def opener() -> urllib.request.OpenerDirector:
    """An opener to which a redirect is an HTTPError with its code."""
    return urllib.request.build_opener(_NoRedirects)
