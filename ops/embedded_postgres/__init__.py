"""The embedded PostgreSQL: a server on the data folder that ends with the process that starts it.

    a command alone:   database() → lock the folder → initdb at first → start → stop
    beside `serve`:    database() → join the server that `serve` runs

The data folder holds `postgres.lock`, `postgres/cluster` (the data) and `postgres/server.log`.
Why it is written here: ops/decisions/0016-embedded-postgresql.md.
"""

from ops.embedded_postgres.binaries import Binaries
from ops.embedded_postgres.cluster import require_cluster
from ops.embedded_postgres.errors import EmbeddedRefused
from ops.embedded_postgres.ownership import Role, database, start
from ops.embedded_postgres.server import Server

__all__ = ["Binaries", "EmbeddedRefused", "Role", "Server", "database", "require_cluster", "start"]
