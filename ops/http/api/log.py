"""`/log/…`: checkpoint, tiles and entries (https://c2sp.org/tlog-tiles), and receipts.

Tiles never change, so clients may cache them for ever; only the checkpoint is read again.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from aiohttp import web

from campaigns.errors import NotFound, printable
from campaigns.reporting import receipts, rulesets
from ledger.log.tiles import Bundle, MalformedTile, Tile, parse_path
from ledger.publication import store
from ops.clock import utc_now
from ops.http.core.compression import GZIP_BYTES_MIN, accepts_gzip, compress
from ops.http.core.outages import record_outage
from ops.http.core.problems import Problem, RequestProblem
from ops.http.core.representations import JSON, to_json
from ops.http.core.responses import Handler, conditional_response, public_handler
from ops.http.core.snapshots import PreparedResponse, entity_tag
from ops.http.openapi import examples
from ops.http.openapi.endpoint import BYTES, TEXT, Endpoint
from sql import Pool, is_unavailable, query

LOG_POOL: web.AppKey[Pool] = web.AppKey("log_pool")
CHECKPOINT_TYPE = "text/plain; charset=utf-8"
SCHEMA_TYPE = "application/schema+json"
IMMUTABLE = "public, max-age=31536000, immutable"
SHORT_LIVED = "public, max-age=1, must-revalidate"
_TAG = "public log"
_INDEX_MAX = 2**55  # with 256 leaves a tile, no log is larger
_FIND_LOG_IDENTITY = query("find_log_identity")


def _database_handler(handler: Handler) -> Handler:
    """Return a public handler that responds with 503 while the database is unavailable."""

    async def handle(request: web.Request) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            if not is_unavailable(error):
                raise
            record_outage(request, error)
            raise RequestProblem(Problem.FIGURES_UNAVAILABLE) from error

    return public_handler(handle)


@_database_handler
async def get_checkpoint(request: web.Request) -> web.Response:
    """Return the newest checkpoint with the log's signature and the cosignatures so far."""
    async with request.app[LOG_POOL].acquire() as conn:
        head = await store.newest_head(conn)
    if head is None:
        raise NotFound("checkpoint_not_found")
    checkpoint = PreparedResponse(head.note, CHECKPOINT_TYPE, entity_tag(head.note))
    return conditional_response(request, checkpoint, SHORT_LIVED)


@_database_handler
async def get_key(request: web.Request) -> web.Response:
    """Return the log's verifier key as one line."""
    async with request.app[LOG_POOL].acquire() as conn:
        verifier_key = await conn.fetchval(_FIND_LOG_IDENTITY)
    if verifier_key is None:
        raise NotFound("log_not_found")
    headers = {"Content-Type": CHECKPOINT_TYPE, "Cache-Control": SHORT_LIVED}
    return web.Response(body=f"{verifier_key}\n".encode(), headers=headers)


@_database_handler
async def get_tile(request: web.Request) -> web.Response:
    """Return a tile of hashes or a bundle of entries, full or partial."""
    tile = _parse_tile(request)
    async with request.app[LOG_POOL].acquire() as conn:
        if isinstance(tile, Bundle):
            body = await store.read_bundle(conn, tile)
        else:
            body = await store.read_tile(conn, tile)
    if body is None:
        raise NotFound("tile_not_found")
    headers = {"Content-Type": BYTES, "Cache-Control": IMMUTABLE}
    if isinstance(tile, Bundle):
        return _compressible_response(request, body, headers)
    return web.Response(body=body, headers=headers)


def _parse_tile(request: web.Request) -> Tile | Bundle:
    """Return the tile that the path names. Raises NotFound if no log can have it."""
    try:
        tile = parse_path("tile/{level}/{index}".format(**request.match_info))
    except MalformedTile:
        raise NotFound("tile_not_found") from None
    if tile.index > _INDEX_MAX:
        raise NotFound("tile_not_found")
    return tile


@_database_handler
async def get_receipt(request: web.Request) -> web.Response:
    """Return a like's current state and its proof."""
    async with request.app[LOG_POOL].acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        receipt = await receipts.find_receipt(conn, request.match_info["receipt"], utc_now())
    if receipt is None:
        raise NotFound("receipt_not_found")
    headers = {"Content-Type": JSON, "Cache-Control": "private, no-cache"}
    return _compressible_response(request, to_json(receipt), headers)


@_database_handler
async def get_rulesets(request: web.Request) -> web.Response:
    """Return the versions of a campaign's rules, whose salted hashes the log has."""
    async with request.app[LOG_POOL].acquire() as conn:
        published = await rulesets.read_published_rulesets(conn, request.match_info["slug"], utc_now())
    if published is None:
        raise NotFound("campaign_not_found", slug=printable(request.match_info["slug"]))
    headers = {"Content-Type": JSON, "Cache-Control": SHORT_LIVED}
    return _compressible_response(request, to_json(published), headers)


@public_handler
async def get_schema(request: web.Request) -> web.Response:
    """Return the JSON Schema of a kind of leaf in one version."""
    body = _load_schemas().get(request.match_info["schema"])
    if body is None:
        raise NotFound("schema_not_found")
    return conditional_response(request, PreparedResponse(body, SCHEMA_TYPE, entity_tag(body)), "public, max-age=300")


@cache
def _load_schemas() -> dict[str, bytes]:
    folder = files("ledger.log") / "schemas"
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".json")}


def _compressible_response(request: web.Request, body: bytes, headers: dict[str, str]) -> web.Response:
    """Return a response that is compressed if the client accepts gzip. Hashes are not: they would grow."""
    headers["Vary"] = "Accept-Encoding"
    if len(body) >= GZIP_BYTES_MIN and accepts_gzip(request):
        body, headers["Content-Encoding"] = compress(body), "gzip"
    return web.Response(body=body, headers=headers)


def _endpoint(path: str, handler: Handler, summary: str, response: Any = str, **options: Any) -> Endpoint:
    problems = (Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND, Problem.FIGURES_UNAVAILABLE)
    return Endpoint(
        path, handler, _TAG, summary, response, allows_preflight=True, **({"problems": problems} | options)
    )


ENDPOINTS = (
    _endpoint(
        "/v1/receipts/{receipt}",
        get_receipt,
        "The state of one like, and the proof that it is in the log",
        receipts.Receipt,
        description="Save the response as a file, and `like-ledger verify-receipt` checks it offline with the log's"
        " public key. `fate` is the like's current state, and `verdict` why rules or people hold or void it. The"
        " proof shows that the like was recorded, and outlives it.",
    ),
    _endpoint(
        "/v1/campaigns/{slug}/rulesets",
        get_rulesets,
        "The versions of a campaign's rules",
        rulesets.PublishedRulesets,
        description="Each with its salted hash, as the log has it. File and salt follow 90 days after the close.",
    ),
    _endpoint(
        "/log/checkpoint",
        get_checkpoint,
        "The log's newest signed checkpoint",
        content_type=TEXT,
        example=lambda: examples.CHECKPOINT,
        description="A checkpoint in a signed note (c2sp.org/signed-note, c2sp.org/tlog-checkpoint). The log's"
        " signature comes first, then the cosignatures of witnesses (c2sp.org/tlog-cosignature).",
        is_conditional=True,
    ),
    _endpoint(
        "/log/key",
        get_key,
        "The log's verifier key",
        content_type=TEXT,
        example=lambda: examples.VERIFIER_KEY,
        description="One line, `origin+id+key` (c2sp.org/signed-note). Keep the key that you saw first: a log with"
        " another key is another log.",
    ),
    _endpoint(
        "/log/schemas/{schema}",
        get_schema,
        "The JSON Schema (2020-12) of a kind of leaf",
        dict[str, Any],
        content_type=SCHEMA_TYPE,
        description="`terms-1.json`, `count-1.json`, `transfer-1.json`, `settlement-1.json`, `payout-1.json` and"
        " `note-1.json`. A version that was ever logged stays.",
        is_conditional=True,
        problems=(Problem.UNKNOWN_PARAMETER, Problem.NOT_FOUND),
    ),
    _endpoint(
        "/log/tile/{level}/{index}",
        get_tile,
        "A tile of the log's tree, or a bundle of leaves at the level `entries`",
        content_type=BYTES,
        description="See c2sp.org/tlog-tiles: height 8; partial tiles are `<index>.p/<width>`; indexes of 1,000 and"
        " more have groups of three digits. Tiles never change. Entries are compressed for clients that accept gzip.",
    ),
)


def set_up(app: web.Application, pool: Pool) -> None:
    """Give the application the database that has the public log."""
    app[LOG_POOL] = pool
