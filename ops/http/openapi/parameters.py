"""What addresses, queries and headers hold, as the API's description tells of it: a sentence and a JSON Schema."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from ops.i18n.language import TAGS

_SLUG = r"^[a-z0-9][a-z0-9-]{0,62}$"


class Parameter(NamedTuple):
    """One of them."""

    says: str
    schema: Mapping[str, Any]


def text(says: str, pattern: str = "", *, chars_max: int = 0) -> Parameter:
    """Return one that is a text."""
    own: dict[str, Any] = {"type": "string"}
    own |= {"pattern": pattern} if pattern else {}
    return Parameter(says, own | ({"maxLength": chars_max} if chars_max else {}))


def choice(says: str, *values: str) -> Parameter:
    """Return one that is one of these."""
    return Parameter(says, {"type": "string", "enum": list(values)})


def _id(prefix: str, alphabet: str, says: str) -> Parameter:
    return text(says, f"^{prefix}_[{alphabet}]{{20}}$")


IN_PATH: Mapping[str, Parameter] = {
    "slug": text("The campaign's name.", _SLUG),
    "platform": text("The sender's name.", _SLUG),
    "charity": text("The charity's name, as promises name it.", _SLUG),
    "name": text("A person, as their token or the provider calls them.", r"^[^\x00-\x1f\x7f]+$", chars_max=100),
    "file": text("A file's name.", "^[a-z0-9-]+(/[a-z0-9-]+)*[.](css|js|svg)$"),
    "schema": text("Kind and version: `count-1.json`.", "^[a-z]+-[0-9]+[.]json$"),
    "receipt": text("A like's receipt, as the answer to its delivery gave it.", "^rcp_[A-Za-z0-9_-]{27}$"),
    "payout": _id("pay", "a-z2-7", "A payout's id, as `settlements` shows it."),
    "settlement": _id("stl", "a-z2-7", "A settlement's id."),
    "sponsor": _id("spo", "0-9a-f", "The sponsor's id, as `sponsors` shows it."),
    "proposal": _id("prp", "0-9a-f", "The id of what waits for a second person."),
    "upload": _id("upl", "0-9a-f", "The id of a file of content that was sent."),
    "line": text("A statement line's id, as `statement-lines` shows it.", "^[0-9a-f]{16}$"),
    "level": text(
        "A tile's level, 0 for the leaves' hashes; `entries` for the leaves themselves.",
        "^(entries|[0-9]|[1-5][0-9]|6[0-3])$",
    ),
    "index": text(
        "The tile's index, `.p/<width>` after it where it is not full yet.",
        "^(x[0-9]{3}/){0,6}[0-9]{3}([.]p/[1-9][0-9]{0,2})?$",
    ),
}

LANG = {"lang": choice("the page's language; left out: what `Accept-Language` asks for", *TAGS)}
RESULTS = {
    "results": choice(
        "which likes `results` tells of: all, none, or left out: those that were not counted", "all", "none"
    )
}
SIGNED = {
    "webhook-id": text("The delivery's own id; the same when it is sent again.", "^[!-~]{1,200}$"),
    "webhook-timestamp": text("Seconds since 1970; at most five minutes from now.", "^[0-9]{1,12}$"),
    "webhook-signature": text(
        "`v1,` and base64 of HMAC-SHA256, or `v1a,` and base64 of Ed25519, over `id.timestamp.body`;"
        " several, parted by spaces.",
        "^v1a?,[A-Za-z0-9+/]+={0,2}( v1a?,[A-Za-z0-9+/]+={0,2})*$",
    ),
}
KEY = {
    "Idempotency-Key": text(
        "1 to 200 printable ASCII characters; the same key and body again: the same answer, and nothing is done.",
        "^[!-~]([ -~]{0,198}[!-~])?$",
    )
}
DRY_RUN = {"dry_run": choice("`true`: the same answer, and nothing is changed", "true", "false")}
KNOWN = {"If-None-Match": text("The `ETag` of what the reader has: 304 where that is what there is.")}
LAST_SEEN = {"Last-Event-ID": text("The `id` of the last event that was read: it is not sent again.")}
