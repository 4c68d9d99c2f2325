"""Findings that need no database."""

import pytest

from ops.doctor import check_proxies
from ops.settings import Settings


@pytest.mark.parametrize(
    ("public_url", "trusted_proxies", "is_ok"),
    [
        ("https://likes.example.org", 0, False),
        ("https://likes.example.org", 1, True),
        ("http://127.0.0.1:8080", 0, None),
        (None, 0, None),
    ],
)
def test_a_public_address_needs_to_know_its_proxies(
    public_url: str | None, trusted_proxies: int, is_ok: bool | None
) -> None:
    finding = check_proxies(Settings(public_url=public_url, trusted_proxies=trusted_proxies))
    assert (finding and finding.is_ok) is is_ok
