"""Diagnostics of an installation (`like-ledger doctor`): each finding says what to do."""

import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ledger import http_client
from ledger.publication.witnesses import WitnessProgress, read_witness_progress
from ops.clock import utc_now
from ops.migrate import read_plan
from ops.openid.client import Client, load_client
from ops.openid.protocol import Unproven
from ops.openid.provider import Provider
from ops.settings import Settings
from ops.witnesses import load_witnesses
from sql import Connection, query

_FREE_BYTES_MIN = 2 * 1024**3
_CLOCK_SKEW_MAX = timedelta(seconds=2)
_TICK_LAG_MAX = timedelta(minutes=1)
_WITNESS_LAG_MAX = timedelta(minutes=10)

_READ_SERVER_CLOCK = query("read_server_clock")
_FIND_OLDEST_UNFOLDED = query("find_oldest_unfolded")
_HAS_SERVICE_ROLE = query("has_service_role")
_IS_LOGIN_PRIVILEGED = query("is_login_privileged")


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `fix` says what to do if it failed."""

    check: str
    is_ok: bool
    state: str
    fix: str = ""


async def run_diagnostics(conn: Connection, settings: Settings) -> AsyncIterator[Finding]:
    """Yield findings about database, schema, role, clock, disk, jobs, witnesses and OpenID."""
    yield Finding("database", is_ok=True, state=f"PostgreSQL {conn.get_server_version().major}")
    schema = await _check_schema(conn)
    yield schema
    yield _check_role(exists=await conn.fetchval(_HAS_SERVICE_ROLE))
    yield _check_login(
        is_privileged=await conn.fetchval(_IS_LOGIN_PRIVILEGED), is_embedded=settings.database_url is None
    )
    yield _check_clock(await conn.fetchval(_READ_SERVER_CLOCK), utc_now())
    yield _check_disk(settings.data_dir)
    if finding := check_proxies(settings):
        yield finding
    if schema.is_ok:
        yield _check_jobs(await conn.fetchval(_FIND_OLDEST_UNFOLDED), utc_now())
        for witness in load_witnesses(settings):
            yield _check_witness(witness.key.name, await read_witness_progress(conn, witness, utc_now()), utc_now())
    if openid_client := load_client(settings):
        yield await _check_provider(openid_client)


async def _check_schema(conn: Connection) -> Finding:
    pending = [script.name for script in (await read_plan(conn)).pending]
    state = f"{len(pending)} migrations pending" if pending else "up to date"
    return Finding("schema", not pending, state, "run `like-ledger migrate`")


def _check_role(*, exists: bool) -> Finding:
    state = "like_ledger_service exists" if exists else "like_ledger_service is missing"
    return Finding("role", exists, state, "run `like-ledger migrate` as a user that can create roles")


def _check_login(*, is_privileged: bool, is_embedded: bool) -> Finding:
    """Describe the rights of the database user; a user with too many works, so it is advice."""
    if is_embedded:
        return Finding("database user", is_ok=True, state="only the owner of the data folder reaches the database")
    advice = "may change every table: let `serve` log in as a user of ops/deploy/roles.sh that may not"
    return Finding("database user", is_ok=True, state=advice if is_privileged else "has only the service's rights")


def _check_clock(database_now: datetime, local_now: datetime) -> Finding:
    skew = abs(database_now - local_now)
    fix = "synchronise both machines by NTP: signatures and jobs depend on the time"
    return Finding("clock", skew <= _CLOCK_SKEW_MAX, f"{skew.total_seconds():.3f} s from the database's", fix)


def check_proxies(settings: Settings) -> Finding | None:
    """Return whether the proxy in front of a public address is known; None without such an address. Pure."""
    if not (settings.public_url or "").startswith("https://"):
        return None
    state = f"{settings.trusted_proxies} trusted in front of {settings.public_url}"
    fix = (
        "set LIKE_LEDGER_TRUSTED_PROXIES to the number of your proxies: the service itself has no TLS, and without"
        " it limits take all clients for one"
    )
    return Finding("proxies", settings.trusted_proxies > 0, state, fix)


def _check_disk(folder: Path) -> Finding:
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    fix = f"free space on the disk of {folder}, or set LIKE_LEDGER_DATA_DIR to another disk"
    return Finding("disk", free >= _FREE_BYTES_MIN, f"{free / 1024**3:.1f} GiB free", fix)


def _check_jobs(unfolded_since: datetime | None, now: datetime) -> Finding:
    if unfolded_since is None:
        return Finding("jobs", is_ok=True, state="every batch is pledged")
    lag = now - unfolded_since
    fix = "start `like-ledger serve`, or look for `job failed` in its log"
    return Finding("jobs", lag <= _TICK_LAG_MAX, f"the oldest batch has waited for {lag.total_seconds():.0f} s", fix)


def _check_witness(name: str, status: WitnessProgress, now: datetime) -> Finding:
    state = f"has cosigned {status.cosigned_size} of {status.newest_size} leaves"
    if status.fault is not None:
        state += f"; last request: {status.fault}"
    lag = now - status.lagging_since if status.lagging_since else timedelta()
    fix = "contact its operator; compare its key and address in LIKE_LEDGER_LOG_WITNESSES, and our log's in its list"
    return Finding(f"witness {name}", lag <= _WITNESS_LAG_MAX, state, fix)


async def _check_provider(openid_client: Client) -> Finding:
    async with http_client.create_session() as http:
        provider = Provider(openid_client, http)
        try:
            await provider.metadata()
            await provider.keys()
        except Unproven as error:
            fix = "compare LIKE_LEDGER_OPENID_ISSUER with the provider's issuer, and contact its operator"
            return Finding("OpenID provider", is_ok=False, state=str(error), fix=fix)
    return Finding("OpenID provider", is_ok=True, state=f"{openid_client.host} answers")
