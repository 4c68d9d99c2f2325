"""What the fuzzer is told of the service: how webhooks are signed, who comes from where, what a 200 may tell of.

The fuzzer is a program of its own that loads this; what there is to be asked for stands in its environment.
"""

import atexit
import itertools
import json
import os
from base64 import b64decode
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import uuid4

import schemathesis
from requests import PreparedRequest
from requests.auth import AuthBase
from schemathesis import Case, HookContext
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.transport import Response
from standardwebhooks.webhooks import Webhook

from campaigns.catalogue.webhook_secrets import SECRET_PREFIX
from campaigns.intake.signature import sign_delivery
from ops.clock import utc_now

STAGE: dict[str, Any] = json.loads(os.environ["STAGE"])
INTAKE, ANSWERS = "/v1/platforms/{platform}/likes", "/v1/payouts/answers"
SECRETS = {INTAKE: STAGE["secret"], ANSWERS: STAGE["payout_secret"]}
# Given in earnest, what these end would leave the addresses after them with nothing to do.
ENDING_PATHS = ("/close", "/revoke", "/disable", "/cancel", "/drop-old", "/rotate", "/record-result")
ENDING_PATHS += ("/refuse", "/withdraw", "/stop", "/approve", "/match", "/end")
# What an address calls so is another thing there.
OTHER_STAGE_KEYS = {
    "/terms": ("slug", "running"),
    "/withdraw": ("proposal", "own_proposal"),
    "/cancel": ("settlement", "waits"),
}
OTHER_STAGE_KEYS["/settlements/{settlement}/approve"] = ("settlement", "waits")
UNCHANGED_EVERY = 4  # of so many cases one stays as it was drawn: names of nothing, keys that were used
CREATING_PATHS = ("/admin/charities", "/admin/tokens", "/admin/platforms", "/admin/sponsors")  # each name once
_visitors = itertools.count()
_accepted_operations: set[str] = set()


class WebhookAuth(AuthBase):
    """Signs what is sent, whatever it is."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        now, own_id = utc_now(), str(request.headers["webhook-id"])
        request.headers["webhook-timestamp"] = str(int(now.timestamp()))
        request.headers["webhook-signature"] = signature(self._secret, own_id, now, request.body or b"")
        return request


def signature(secret: str, webhook_id: str, now: datetime, body: bytes | str) -> str:
    """Return what the reference library signs; bytes that are no text, which it cannot sign, as it would."""
    try:
        return Webhook(secret).sign(webhook_id, now, body.decode() if isinstance(body, bytes) else body)
    except UnicodeDecodeError:
        return sign_delivery(
            b64decode(secret.removeprefix(SECRET_PREFIX)), webhook_id, int(now.timestamp()), bytes(body)
        )


def _is_valid_at(case: Case[Any], location: ParameterLocation) -> bool:
    """Tell whether nothing is wrong at a place on purpose; a coverage case is wrong at one place alone."""
    meta = case.meta
    aim = meta.phase.data.parameter_location if meta else location
    return meta is not None and (not meta.is_negative_at(location) or aim not in (None, location))


@schemathesis.hook
def before_call(_: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Let a case get as far as it can; what is wrong with it on purpose stays so."""
    number = next(_visitors)
    if _is_valid_at(case, ParameterLocation.HEADER):
        _let_in(case, kwargs)
    # Each comes from elsewhere, before a proxy of ours: from where ten failed to sign in nobody is heard a while.
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    if _is_valid_at(case, ParameterLocation.QUERY):
        _keep_stage_usable(case)
    if number % UNCHANGED_EVERY and _is_valid_at(case, ParameterLocation.PATH):
        case.path_parameters |= _path_parameters(case)
    if number % UNCHANGED_EVERY and _is_valid_at(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        case.body = _refer_to_stage(case.path, case.body)


def _let_in(case: Case[Any], kwargs: dict[str, Any]) -> None:
    if case.path in SECRETS:
        kwargs["auth"] = WebhookAuth(SECRETS[case.path])
        case.headers.update({"webhook-id": uuid4().hex, "webhook-timestamp": "0", "webhook-signature": "v1,AA=="})
    elif "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid4().hex


def _keep_stage_usable(case: Case[Any]) -> None:
    if case.path.endswith(ENDING_PATHS):
        case.query["dry_run"] = "true"
    if "cursor" in case.query:  # only a list's own is one, and it keeps the filters that it began with
        kept = {name: value for name, value in case.query.items() if name == "limit"}
        case.query = kept | {"cursor": STAGE["cursors"][case.path]} if case.path in STAGE["cursors"] else kept


def _path_parameters(case: Case[Any]) -> dict[str, str]:
    other = dict(own for ending, own in OTHER_STAGE_KEYS.items() if case.path.endswith(ending))
    return {name: STAGE[other.get(name, name)] for name in case.path_parameters}


def _refer_to_stage(path: str, body: Mapping[str, Any]) -> Any:
    """Return a body about things that there are, or new ones; what no schema can say of a promise is put right."""
    named: dict[str, Any] = {}
    if path.endswith("/match"):
        named = {"payout": STAGE["matched"]}
    elif path.endswith("/approve"):
        named = {"hash": STAGE["waits_hash" if "settlement" in path else "proposal_hash"]}
    elif path == ANSWERS:
        named = {"data": {**body["data"], "id": STAGE["message"]}}
    elif path.endswith(CREATING_PATHS):
        named = {name: f"drawn-{uuid4().hex[:12]}" for name in ("name", "charity") if isinstance(body.get(name), str)}
    if "account" in body:
        named |= {"account": STAGE["promise"]["terms"]["beneficiaries"][0]["account"]}
    if "terms" in body:
        named |= _promise_parts(body)
    if "forecast" in body:
        named |= _preview_body(body)
    return {**body, **named}


def _preview_body(body: Mapping[str, Any]) -> dict[str, Any]:
    own = {"like_campaign": STAGE["slug"]} if body["forecast"].get("like_campaign") else {}
    funded_minor = body.get("funded_minor") or 1
    promise = body["promise"] | _promise_parts(body["promise"])
    return {"promise": promise, "funded_minor": funded_minor, "forecast": {**body["forecast"], **own}}


def _promise_parts(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a promise's parts with what was drawn of them where it cannot contradict the rest."""
    own = STAGE["promise"]
    found = {"terms": {**body["terms"], "beneficiaries": own["terms"]["beneficiaries"]}}
    if "campaign" not in body:
        return found
    fixed = {name: own["campaign"][name] for name in ("currency", "timezone", "starts_at", "ends_at")}
    fixed["slug"] = f"drawn-{uuid4().hex[:12]}"
    rest = {name: value for name, value in (body.get("settlement") or {}).items() if name != "cron"}
    return {**found, "campaign": {**body["campaign"], **fixed}, "settlement": rest}


@schemathesis.hook
def after_call(_: HookContext, case: Case[Any], response: Response) -> None:
    """Remember what was taken: a fuzzer that gets no further than the door has tried nothing."""
    if response.status_code < HTTPStatus.BAD_REQUEST:
        _accepted_operations.add(f"{case.method} {case.path}")


@atexit.register
def _write_accepted_operations() -> None:
    Path(os.environ["TAKEN"]).write_text("\n".join(sorted(_accepted_operations)), encoding="utf-8")


@schemathesis.hook
def filter_failure(_: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Take for right what no schema can say of two kinds of bodies; only where nothing but the body was wrong."""
    places = (ParameterLocation.PATH, ParameterLocation.QUERY, ParameterLocation.HEADER)
    if not isinstance(failure, AcceptedNegativeData) or not all(_is_valid_at(case, place) for place in places):
        return True
    if case.path.endswith("/file"):  # of content, as CSV: whatever is sent for a text is one
        return False
    # A like that is none does not spoil the others: the 200 tells of it as `invalid`, and that is its refusal.
    return case.path != INTAKE or not response.json()["outcomes"].get("invalid")
