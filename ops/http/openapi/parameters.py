"""What addresses, queries and headers hold, as the API's description tells of it: a sentence and a JSON Schema."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ops.i18n.language import TAGS

_SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"


class Parameter(NamedTuple):
    """One of them."""

    description: str
    schema: Mapping[str, Any]


def text_parameter(description: str, pattern: str = "", *, chars_max: int = 0) -> Parameter:
    """Return one that is a text."""
    own: dict[str, Any] = {"type": "string"}
    own |= {"pattern": pattern} if pattern else {}
    return Parameter(description, own | ({"maxLength": chars_max} if chars_max else {}))


def choice_parameter(description: str, *values: str) -> Parameter:
    """Return one that is one of these."""
    return Parameter(description, {"type": "string", "enum": list(values)})


def _id_parameter(prefix: str, alphabet: str, description: str) -> Parameter:
    return text_parameter(description, f"^{prefix}_[{alphabet}]{{20}}$")


IN_PATH: Mapping[str, Parameter] = {
    "slug": text_parameter("The campaign's name.", _SLUG),
    "platform": text_parameter("The sender's name.", _SLUG),
    "charity": text_parameter("The charity's name, as promises name it.", _SLUG),
    "name": text_parameter(
        "A person, as their token or the provider calls them.", r"^[^\x00-\x1f\x7f]+$", chars_max=100
    ),
    "file": text_parameter("A file's name.", "^[a-z0-9-]+(/[a-z0-9-]+)*[.](css|js|svg)$"),
    "schema": text_parameter("Kind and version: `count-1.json`.", "^[a-z]+-[0-9]+[.]json$"),
    "receipt": text_parameter("A like's receipt, as the answer to its delivery gave it.", "^rcp_[A-Za-z0-9_-]{27}$"),
    "payout": _id_parameter("pay", "a-z2-7", "A payout's id, as `settlements` shows it."),
    "settlement": _id_parameter("stl", "a-z2-7", "A settlement's id."),
    "sponsor": _id_parameter("spo", "0-9a-f", "The sponsor's id, as `sponsors` shows it."),
    "proposal": _id_parameter("prp", "0-9a-f", "The id of what waits for a second person."),
    "upload": _id_parameter("upl", "0-9a-f", "The id of a file of content that was sent."),
    "line": text_parameter("A statement line's id, as `statement-lines` shows it.", "^[0-9a-f]{16}$"),
    "level": text_parameter(
        "A tile's level, 0 for the leaves' hashes; `entries` for the leaves themselves.",
        "^(entries|[0-9]|[1-5][0-9]|6[0-3])$",
    ),
    "index": text_parameter(
        "The tile's index, `.p/<width>` after it where it is not full yet.",
        "^(x[0-9]{3}/){0,6}[0-9]{3}([.]p/[1-9][0-9]{0,2})?$",
    ),
}

LANG_QUERY = {"lang": choice_parameter("the page's language; left out: what `Accept-Language` asks for", *TAGS)}
RESULTS_QUERY = {
    "results": choice_parameter(
        "which likes `results` tells of: all, none, or left out: those that were not counted", "all", "none"
    )
}
WEBHOOK_HEADERS = {
    "webhook-id": text_parameter("The delivery's own id; the same when it is sent again.", "^[!-~]{1,200}$"),
    "webhook-timestamp": text_parameter("Seconds since 1970; at most five minutes from now.", "^[0-9]{1,12}$"),
    "webhook-signature": text_parameter(
        "`v1,` and base64 of HMAC-SHA256, or `v1a,` and base64 of Ed25519, over `id.timestamp.body`;"
        " several, parted by spaces.",
        "^v1a?,[A-Za-z0-9+/]+={0,2}( v1a?,[A-Za-z0-9+/]+={0,2})*$",
    ),
}
IDEMPOTENCY_HEADER = {
    "Idempotency-Key": text_parameter(
        "1 to 200 printable ASCII characters; the same key and body again: the same answer, and nothing is done.",
        "^[!-~]([ -~]{0,198}[!-~])?$",
    )
}
DRY_RUN_QUERY = {"dry_run": choice_parameter("`true`: the same answer, and nothing is changed", "true", "false")}
IF_NONE_MATCH = {
    "If-None-Match": text_parameter("The `ETag` of what the reader has: 304 where that is what there is.")
}
LAST_EVENT_ID = {"Last-Event-ID": text_parameter("The `id` of the last event that was read: it is not sent again.")}
