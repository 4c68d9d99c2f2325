"""The client's address behind trusted proxies, and the network that limits count. Pure."""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

IPV6_PREFIX_BITS = 64  # one subscriber holds a whole /64, so its addresses count as one
_PORT = re.compile(r"^(?:\[(?P<bracketed>[^\]]*)\]|(?P<plain>[^:\[\]]*))(?::\w*)?$")
# RFC 7239, section 4: `for=192.0.2.60`, `for="[2001:db8::17]:4711"`.
_FORWARDED_FOR = re.compile(r'(?:^|[;,])\s*for\s*=\s*(?:"([^"]*)"|([^\s;,"]*))', re.IGNORECASE)
_HOPS_MAX = 100  # more come from nobody's proxies


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address in a text such as `192.0.2.1:443` or `[2001:db8::1]:443`, else None.

    An IPv4-mapped IPv6 address is the IPv4 address, and a zone is left out.
    """
    text = text.strip().strip('"')
    try:
        address = ip_address(_without_port(text).partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _without_port(text: str) -> str:
    match = _PORT.match(text)  # an IPv6 address without brackets has no port
    return text if match is None else match["bracketed"] or match["plain"] or ""


def client_address(peer: str, forwarded_for: Sequence[str], forwarded: Sequence[str], trusted_proxies: int) -> str:
    """Return the address of the client as the outermost trusted proxy recorded it.

    `forwarded_for` and `forwarded` are the values of `X-Forwarded-For` and of `Forwarded` (RFC
    7239), which is read only without the other. Without an address there it is the peer's.
    """
    hops = ",".join(forwarded_for).split(",") if forwarded_for else _forwarded_hops(forwarded)
    hops = [hop for hop in hops[-_HOPS_MAX:] if hop.strip()]
    hop = hops[-trusted_proxies] if 0 < trusted_proxies <= len(hops) else peer
    address = parse_address(hop) or parse_address(peer)
    return str(address) if address else ""


def _forwarded_hops(forwarded: Sequence[str]) -> list[str]:
    return [quoted or plain for quoted, plain in _FORWARDED_FOR.findall(",".join(forwarded))]


def client_network(address: str) -> str:
    """Return the network that a limit counts for an address: IPv4 alone, IPv6 by its /64."""
    ip = parse_address(address)
    if isinstance(ip, IPv6Address):
        return str(IPv6Network((ip, IPV6_PREFIX_BITS), strict=False))
    return str(ip) if ip else ""
