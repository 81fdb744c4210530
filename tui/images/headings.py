"""What requests say beside their address: all of them the same, and those to single hosts more."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from tui.images.urls import host_of


class Headings:
    """`heading` is for every request, `host_headers` by host for those to that host alone.

    What is meant for a host goes by the way on which its image was asked for, scheme and port, or by TLS to its usual
    port: a redirect takes it neither to another service of that host nor out into the clear.
    """

    def __init__(self, heading: Mapping[str, str], host_headers: Mapping[str, Mapping[str, str]]) -> None:
        self._heading = httpx.Headers(heading)
        self._more = {host: httpx.Headers(self._heading) for host in host_headers}
        for host, more in host_headers.items():
            self._more[host].update(more)

    def of(self, url: str, first: str) -> httpx.Headers:
        """The headers of a request for `url`, to which `first` may have led; both are normalised."""
        more = self._more.get(host_of(url))
        if more is None or _way(url) not in (_way(first), ("https", None)):
            return self._heading
        return more


def _way(url: str) -> tuple[str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.port
