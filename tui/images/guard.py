"""Which addresses may be reached, decided at the moment of connecting."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import re
import socket
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from tui.model import Reason, Refusal

PORTS = frozenset({80, 443, 8080, 8443})
"""Where web servers listen; anything else is somebody's database."""

Network = IPv4Network | IPv6Network

# Where nobody's photos are: https://www.iana.org/assignments/iana-ipv4-special-registry, multicast (RFC 5771) included.
# 168.63.129.16 is public by its number, and Azure's own host to whatever runs there:
# https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
# Written out because `ipaddress.is_global` differs between the releases of Python.
_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "168.63.129.16/32",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",
        ),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Inside it, and no place to fetch from: protocol assignments (Teredo is one), documentation.
# https://www.iana.org/assignments/iana-ipv6-special-registry
_SPECIAL_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))
_NUMBER = re.compile(r"(?:^|\.)(?:[0-9]+|0[xX][0-9a-fA-F]*)\.?$")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address


def is_public(address: str) -> bool:
    """Whether an IP address is global unicast; an IPv6 address that carries an IPv4 one is judged by that."""
    ip = ip_address(address)
    if isinstance(ip, IPv6Address):
        inner = _carried(ip)
        if inner is None:
            return ip in _GLOBAL_UNICAST and not any(ip in network for network in _SPECIAL_V6)
        ip = inner
    return not any(ip in network for network in _SPECIAL_V4)


def _carried(ip: IPv6Address) -> IPv4Address | None:
    """The IPv4 address that a mapped (RFC 4291), 6to4 (RFC 3056) or NAT64 (RFC 6052) address leads to."""
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


class Guard:
    """Decides where a connection to a host may go.

    `exempt` maps a host name to the (ip, port) where it really is, whatever port its URL has, like curl's --resolve:
    for the demo world and tests. Every other host is resolved, all its addresses have to be public, and its port one
    of `ports`; in the networks of `allow` any address and any port will do.
    """

    def __init__(
        self,
        exempt: Mapping[str, tuple[str, int]] | None = None,
        *,
        ports: Collection[int] = PORTS,
        allow: Iterable[Network] = (),
    ) -> None:
        self._exempt = dict(exempt or {})
        self._ports = ports
        self._allow = tuple(allow)
        # Asked for every request, and most images of a run have the same few hosts. A refusal is not remembered.
        self._judge_literal = functools.lru_cache(maxsize=1024)(self._judge_if_literal)

    async def addresses(self, host: str, port: int) -> list[tuple[str, int]]:
        """The (ip, port) pairs to try for a host. Raises Refusal: BLOCKED_ADDRESS or DNS."""
        if host in self._exempt:
            return [self._exempt[host]]
        if port not in self._ports and not self._allow:
            raise _blocked(f"port {port}")
        ip = literal(host)
        found = [ip] if ip else await _resolve(host, port)
        for ip in found:
            self._judge(host, ip, port)
        return [(ip, port) for ip in found]

    def admit(self, host: str, port: int) -> None:
        """Refuse a host that is an address, however it is written, and none to connect to; a name has to be resolved.

        Raises Refusal(BLOCKED_ADDRESS).
        """
        self._judge_literal(host, port)

    def check(self, ip: str, port: int) -> None:
        """The last question before a connection is made to an address. Raises Refusal(BLOCKED_ADDRESS)."""
        if (ip, port) not in self._exempt.values():
            self._judge(ip, ip, port)

    def _judge_if_literal(self, host: str, port: int) -> None:
        if ip := literal(host):
            self._judge(host, ip, port)

    def _judge(self, host: str, ip: str, port: int) -> None:
        address = ip_address(ip)
        if any(address in network for network in self._allow):
            return
        if port not in self._ports:
            raise _blocked(f"port {port}")
        if not is_public(ip):
            raise _blocked(f"{host} is {ip}")


def _blocked(detail: str) -> Refusal:
    return Refusal(Reason.BLOCKED_ADDRESS, detail)


def literal(host: str) -> str | None:
    """The address that a host is, None where it is a name. Raises Refusal(BLOCKED_ADDRESS) for one in disguise.

    What ends in a number is an address to every resolver, be it decimal, octal, hexadecimal or in fewer than four
    parts: https://url.spec.whatwg.org/#ends-in-a-number-checker
    """
    if ":" not in host and not _NUMBER.search(host):
        return None
    try:
        return str(ip_address(host))
    except ValueError:
        raise _blocked(f"{host} is an address in disguise") from None


async def _resolve(host: str, port: int) -> list[str]:
    """The addresses of a name, looked up in a thread of its own.

    The loop's shared threads would let names that hang keep the store waiting, and the program from ending.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str]] = loop.create_future()

    def look_up() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            refusal = Refusal(Reason.DNS, f"{host} has no address")
            refusal.__cause__ = error
            tell(lambda: answer.set_exception(refusal))
        else:
            addresses = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
            tell(lambda: answer.set_result(addresses))

    def tell(settle: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is gone, and with it whoever asked
            loop.call_soon_threadsafe(lambda: None if answer.done() else settle())

    threading.Thread(target=look_up, name=f"dns {host}", daemon=True).start()
    return await answer
