"""Who a request comes from, behind proxies and in every way of writing an address."""

import pytest

from ops.http.core.client_address import client_address, client_network

PEER = "10.0.0.1"


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("198.51.100.8", "198.51.100.8"),
        ("198.51.100.8:40001", "198.51.100.8"),
        (" 198.51.100.8 ", "198.51.100.8"),
        ('"198.51.100.8:1"', "198.51.100.8"),
        ("2001:db8::17", "2001:db8::17"),
        ("2001:DB8:0::17", "2001:db8::17"),
        ("[2001:db8::17]", "2001:db8::17"),
        ("[2001:db8::17]:4711", "2001:db8::17"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:198.51.100.8", "198.51.100.8"),
        ("[::ffff:198.51.100.8]:80", "198.51.100.8"),
        ("unknown", PEER),
        ("_hidden", PEER),
        ("198.51.100.8:_port", "198.51.100.8"),
        ("198.51.100.256", PEER),
        ("x" * 10_000, PEER),
        ("[" * 5_000, PEER),
    ],
)
def test_an_address_is_read_without_port_brackets_and_zone(written: str, address: str):
    assert client_address(PEER, [written], [], 1) == address


@pytest.mark.parametrize(
    ("proxies", "forwarded_for", "forwarded", "address"),
    [
        (0, ["198.51.100.8"], ["for=198.51.100.9"], PEER),
        (1, [], [], PEER),
        (1, ["203.0.113.66, 198.51.100.8"], [], "198.51.100.8"),
        (1, ["203.0.113.66", "198.51.100.8"], [], "198.51.100.8"),
        (2, ["203.0.113.66, 198.51.100.8, 10.0.0.2"], [], "198.51.100.8"),
        (2, ["198.51.100.8"], [], PEER),
        (1, ["198.51.100.8, ,"], [], "198.51.100.8"),
        (1, [], ['for="[2001:db8::17]:4711";proto=https'], "2001:db8::17"),
        (1, [], ["for=203.0.113.66, By=x;For=198.51.100.8"], "198.51.100.8"),
        (2, [], ["for=203.0.113.66", "for=198.51.100.8, for=10.0.0.2"], "198.51.100.8"),
        (1, ["198.51.100.8"], ["for=203.0.113.66"], "198.51.100.8"),
        (1, [","] * 5_000, [], PEER),
    ],
)
def test_the_outermost_trusted_proxy_names_the_client(
    proxies: int, forwarded_for: list[str], forwarded: list[str], address: str
):
    assert client_address(PEER, forwarded_for, forwarded, proxies) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.8", "198.51.100.8"),
        ("::ffff:198.51.100.8", "198.51.100.8"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("", ""),
        ("nobody", ""),
    ],
)
def test_limits_count_an_ipv4_address_or_an_ipv6_network(address: str, network: str):
    assert client_network(address) == network
