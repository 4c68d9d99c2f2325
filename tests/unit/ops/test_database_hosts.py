"""The hosts of a database address."""

import asyncpg
import pytest

from ops.database_hosts import split_hosts


@pytest.mark.parametrize(
    ("dsn", "addresses"),
    [
        ("postgresql://u:p@a/db", ["postgresql://u:p@a/db"]),
        ("postgresql://u:p@a,b/db", ["postgresql://u:p@a/db", "postgresql://u:p@b/db"]),
        ("postgresql://a:1,b:2/db?sslmode=require", [f"postgresql://{h}/db?sslmode=require" for h in ("a:1", "b:2")]),
        ("postgresql://[::1]:1,[::2]/db", ["postgresql://[::1]:1/db", "postgresql://[::2]/db"]),
        ("postgresql://u:p%40,@a,b/db", ["postgresql://u:p%40,@a/db", "postgresql://u:p%40,@b/db"]),
        ("postgresql://u@/db?host=%2Frun%2Fpg", ["postgresql://u@/db?host=%2Frun%2Fpg"]),
        (
            "postgresql://u@/db?host=a,%2Frun&port=1,2",
            ["postgresql://u@/db?host=a&port=1", "postgresql://u@/db?host=%2Frun&port=2"],
        ),
        ("postgresql://u@/db?host=a,b&port=1", [f"postgresql://u@/db?host={host}&port=1" for host in "ab"]),
        ("postgresql://u@/db?host=a,b", [f"postgresql://u@/db?host={host}" for host in "ab"]),
        ("postgresql://u@/db", ["postgresql://u@/db"]),
    ],
)
def test_an_address_is_split_into_one_for_each_host(dsn: str, addresses: list[str]) -> None:
    assert list(split_hosts(dsn)) == addresses


def test_hosts_and_ports_must_match() -> None:
    with pytest.raises(asyncpg.ClientConfigurationError, match="3 hosts and 2 ports"):
        split_hosts("postgresql:///db?host=a,b,c&port=1,2")
