"""`/log/…`: checkpoint, tiles and entries for everyone's programs (https://c2sp.org/tlog-tiles).

Tiles never change, so whoever fetched one keeps it for good; only the checkpoint is asked for again.
"""

import gzip
from functools import cache
from importlib.resources import files

import asyncpg
from aiohttp import web

from campaigns.reporting import receipts
from ledger.log.tiles import Bundle, MalformedTile, parse_path
from ledger.publication import store
from ops.clock import utc_now
from ops.http.core.problems import Problem, problem_response
from ops.http.core.representations import JSON, to_json
from ops.http.core.responses import Handler, answer_preflight, conditional_response, public_handler
from ops.http.core.snapshots import PreparedResponse, entity_tag
from sql import Pool, query

LOG_POOL: web.AppKey[Pool] = web.AppKey("log_pool")
CHECKPOINT_TYPE = "text/plain; charset=utf-8"
SCHEMA_TYPE = "application/schema+json"
TILE_TYPE = "application/octet-stream"
IMMUTABLE = "public, max-age=31536000, immutable"
SHORT_LIVED = "public, max-age=1, must-revalidate"
_INDEX_MAX = 2**55  # of 256 leaves each: beyond is no size of a log
_GZIP_BYTES_MIN = 512
_GZIP_LEVEL = 6
_FIND_LOG_IDENTITY = query("find_log_identity")
_AWAY = (OSError, TimeoutError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError)


def _database_handler(handler: Handler) -> Handler:
    """Answer 503 while the database is away."""

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except _AWAY:
            return problem_response(Problem.FIGURES_UNAVAILABLE)

    return public_handler(answered)


@_database_handler
async def get_checkpoint(request: web.Request) -> web.Response:
    """Return the newest checkpoint: the log's signature, then those of the witnesses that have cosigned it by now."""
    async with request.app[LOG_POOL].acquire() as conn:
        signed = await store.newest_head(conn)
    if signed is None:
        raise web.HTTPNotFound
    return conditional_response(
        request, PreparedResponse(signed.note, CHECKPOINT_TYPE, entity_tag(signed.note)), SHORT_LIVED
    )


@_database_handler
async def get_key(request: web.Request) -> web.Response:
    """Return the log's verifier key, one line."""
    async with request.app[LOG_POOL].acquire() as conn:
        verifier_key = await conn.fetchval(_FIND_LOG_IDENTITY)
    if verifier_key is None:
        raise web.HTTPNotFound
    return web.Response(
        body=f"{verifier_key}\n".encode(), headers={"Content-Type": CHECKPOINT_TYPE, "Cache-Control": SHORT_LIVED}
    )


@_database_handler
async def get_tile(request: web.Request) -> web.Response:
    """Return a tile of hashes or a bundle of entries, whole or partial."""
    try:
        named = parse_path("tile/{level}/{index}".format(**request.match_info))
    except MalformedTile:
        raise web.HTTPNotFound from None
    if named.index > _INDEX_MAX:
        raise web.HTTPNotFound
    async with request.app[LOG_POOL].acquire() as conn:
        if isinstance(named, Bundle):
            body = await store.read_bundle(conn, named)
        else:
            body = await store.read_tile(conn, named)
    if body is None:
        raise web.HTTPNotFound
    headers = {"Content-Type": TILE_TYPE, "Cache-Control": IMMUTABLE}
    return (
        _entries_response(request, body, headers)
        if isinstance(named, Bundle)
        else web.Response(body=body, headers=headers)
    )


@_database_handler
async def get_receipt(request: web.Request) -> web.Response:
    """Return a like's fate and proof."""
    async with request.app[LOG_POOL].acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        found = await receipts.find_receipt(conn, request.match_info["receipt"], utc_now())
    if found is None:
        raise web.HTTPNotFound
    return web.Response(body=to_json(found), headers={"Content-Type": JSON, "Cache-Control": "private, no-cache"})


@public_handler
async def get_schema(request: web.Request) -> web.Response:
    """Return the JSON Schema of a kind of leaf in one version."""
    body = _load_schemas().get(request.match_info["schema"])
    if body is None:
        raise web.HTTPNotFound
    return conditional_response(request, PreparedResponse(body, SCHEMA_TYPE, entity_tag(body)), "public, max-age=300")


@cache
def _load_schemas() -> dict[str, bytes]:
    folder = files("ledger.log") / "schemas"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".json")}


def _entries_response(request: web.Request, body: bytes, headers: dict[str, str]) -> web.Response:
    """Return entries, compressed for who asks for it; hashes would only grow."""
    headers["Vary"] = "Accept-Encoding"
    if len(body) >= _GZIP_BYTES_MIN and _accepts_gzip(request.headers.get("Accept-Encoding", "")):
        body, headers["Content-Encoding"] = gzip.compress(body, _GZIP_LEVEL, mtime=0), "gzip"
    return web.Response(body=body, headers=headers)


def _accepts_gzip(accept_encoding: str) -> bool:
    codings = [part.replace(" ", "").lower().partition(";") for part in accept_encoding.split(",")]
    return any(coding == "gzip" and weight not in {"q=0", "q=0.0"} for coding, _, weight in codings)


def routes() -> list[web.RouteDef]:
    """Return the log's routes."""
    paths: dict[str, Handler] = {
        "/v1/receipts/{receipt}": get_receipt,
        "/log/checkpoint": get_checkpoint,
        "/log/key": get_key,
        "/log/schemas/{schema}": get_schema,
        "/log/tile/{level}/{index:.+}": get_tile,
    }
    return [
        *(web.get(path, handler) for path, handler in paths.items()),
        *(web.options(path, answer_preflight) for path in paths),
    ]


def set_up(app: web.Application, pool: Pool) -> None:
    """Give the application the public log."""
    app[LOG_POOL] = pool
    app.add_routes(routes())
