"""The embedded PostgreSQL: a server of our own under the data folder, for as long as a command needs it.

    with a command:  database() → claim the folder → make the cluster → start under a guardian → stop
    beside `serve`:  database() → join the server that runs

Below the data folder: `postgres.lock` (whose server it is), `postgres/cluster` (the data), `postgres/server.log`.
"""

from ops.embedded.binaries import Binaries, bundled
from ops.embedded.ownership import Role, database
from ops.embedded.refusal import EmbeddedRefused
from ops.embedded.server import Server, start

__all__ = ["Binaries", "EmbeddedRefused", "Role", "Server", "bundled", "database", "start"]
