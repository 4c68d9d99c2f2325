"""The parameters of paths, queries and headers: a sentence and a JSON Schema for each."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ops.i18n.language import TAGS

_SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"
MULTI_SEGMENT_NAMES = frozenset({"file", "index"})  # path parameters that may contain slashes


class Parameter(NamedTuple):
    """A parameter's meaning and its JSON Schema."""

    description: str
    schema: Mapping[str, Any]


def text_parameter(description: str, pattern: str = "", *, chars_max: int = 0) -> Parameter:
    """Return a parameter that takes a text."""
    schema: dict[str, Any] = {"type": "string"}
    schema |= {"pattern": pattern} if pattern else {}
    return Parameter(description, schema | ({"maxLength": chars_max} if chars_max else {}))


def choice_parameter(description: str, *values: str) -> Parameter:
    """Return a parameter that takes one of these values."""
    return Parameter(description, {"type": "string", "enum": list(values)})


def _id_parameter(prefix: str, alphabet: str, description: str) -> Parameter:
    return text_parameter(description, f"^{prefix}_[{alphabet}]{{20}}$")


IN_PATH: Mapping[str, Parameter] = {
    "slug": text_parameter("The campaign's name.", _SLUG),
    "platform": text_parameter("The platform's name.", _SLUG),
    "charity": text_parameter("The charity's name, as promises use it.", _SLUG),
    "name": text_parameter(
        "A person's name, as their token or the OpenID provider has it.", r"^[^\x00-\x1f\x7f]+$", chars_max=100
    ),
    "file": text_parameter("A file's name.", "^[a-z0-9-]+(/[a-z0-9-]+)*[.](css|js|svg)$"),
    "schema": text_parameter("Kind and version, such as `count-1.json`.", "^[a-z]+-[0-9]+[.]json$"),
    "receipt": text_parameter("A like's receipt, from the response to its delivery.", "^rcp_[A-Za-z0-9_-]{27}$"),
    "payout": _id_parameter("pay", "a-z2-7", "A payout's id, from `settlements`."),
    "settlement": _id_parameter("stl", "a-z2-7", "A settlement's id."),
    "sponsor": _id_parameter("spo", "0-9a-f", "A sponsor's id, from `sponsors`."),
    "proposal": _id_parameter("prp", "0-9a-f", "A proposal's id, from the 202 response or from `proposals`."),
    "appeal": _id_parameter("apl", "0-9a-f", "An appeal's id, from `review/appeals`."),
    "case": _id_parameter("cas", "0-9a-f", "A case's id, from `review/cases`."),
    "upload": _id_parameter("upl", "0-9a-f", "A content upload's id, from the response to the file."),
    "status": text_parameter("A bank status's id, from `payment-statuses`.", "^sts_[0-9a-f]{16}$"),
    "line": text_parameter("A statement line's id, from `statement-lines`.", "^[0-9a-f]{16}$"),
    "level": text_parameter(
        "A tile's level: 0 for the hashes of leaves, `entries` for the leaves.",
        "^(entries|[0-9]|[1-5][0-9]|6[0-3])$",
    ),
    "index": text_parameter(
        "A tile's index, followed by `.p/<width>` if the tile is partial.",
        "^(x[0-9]{3}/){0,6}[0-9]{3}([.]p/[1-9][0-9]{0,2})?$",
    ),
}

LANG_QUERY = {
    "lang": choice_parameter("The page's language. Default: the one that `Accept-Language` prefers.", *TAGS)
}
RESULTS_QUERY = {
    "results": choice_parameter(
        "The likes that `results` lists: all or none. Default: those that were not counted.", "all", "none"
    )
}
WEBHOOK_HEADERS = {
    "webhook-id": text_parameter("The delivery's id; a redelivery has the same id.", "^[!-~]{1,200}$"),
    "webhook-timestamp": text_parameter("Unix time in seconds, at most five minutes off.", "^[0-9]{1,12}$"),
    "webhook-signature": text_parameter(
        "`v1,` and base64 of HMAC-SHA256, or `v1a,` and base64 of Ed25519, over `id.timestamp.body`."
        " Spaces separate several signatures.",
        "^v1a?,[A-Za-z0-9+/]+={0,2}( v1a?,[A-Za-z0-9+/]+={0,2})*$",
    ),
}
IDEMPOTENCY_HEADER = {
    "Idempotency-Key": text_parameter(
        "1 to 200 printable ASCII characters. The same key and body again return the first response and do nothing.",
        "^[!-~]([ -~]{0,198}[!-~])?$",
    )
}
DRY_RUN_QUERY = {
    "dry_run": choice_parameter("`true` returns the same response and changes nothing.", "true", "false")
}
IF_NONE_MATCH = {
    "If-None-Match": text_parameter("The `ETag` of an earlier response. The response is 304 if nothing has changed.")
}
LAST_EVENT_ID = {"Last-Event-ID": text_parameter("The `id` of the last event; the stream does not repeat it.")}
