"""From which address a call comes, and whether it may.

The rule: a proxy's word is taken only where the operator said so, and then only the address that
the nearest stranger came from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from pipelines.errors import Forbidden
from pipelines.events import Headers

FORWARDED = b"x-forwarded-for"

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Addresses:
    """What the operator said of addresses.

    `allowed` holds for every call (empty: any). X-Forwarded-For is read where `forwarded` is set:
    from peers in `proxies`, or from every peer where there are none.
    """

    allowed: tuple[Network, ...] = ()
    forwarded: bool = False
    proxies: tuple[Network, ...] = ()

    def client(self, peer: str, headers: Headers) -> str:
        """The address that a call comes from."""
        if not self.forwarded or (self.proxies and not is_within(peer, self.proxies)):
            return peer
        hops = [
            part.strip()
            for name, value in headers
            if name == FORWARDED
            for part in value.decode("latin-1").split(",")
        ]
        for hop in reversed(hops):
            if _address(hop) is None:
                return peer
            if not (self.proxies and is_within(hop, self.proxies)):
                return hop
        return peer


def networks(listed: Iterable[str]) -> tuple[Network, ...]:
    """Addresses and ranges as networks. Raises ValueError."""
    return tuple(ip_network(one.strip(), strict=False) for one in listed)


def is_within(address: str, ranges: Iterable[Network]) -> bool:
    """Whether an address lies in one of the ranges; what is no address lies in none."""
    found = _address(address)
    return found is not None and any(found in one for one in ranges)


def check_address(address: str, *lists: tuple[Network, ...]) -> None:
    """Raises Forbidden where one of the lists (empty: any) does not hold the address."""
    for ranges in lists:
        if ranges and not is_within(address, ranges):
            error = Forbidden(f"Access forbidden: IP address {address[:45]} not allowed.", None)
            error.type = "auth_error"
            raise error


def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
