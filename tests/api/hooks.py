"""Hooks of the fuzzer: sign webhooks, name existing things, accept what no schema can express.

The fuzzer is a separate process that imports this module; its environment has the staged service.
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
INTAKE, CALLBACKS = "/v1/platforms/{platform}/likes", "/v1/payouts/answers"
STATUS = f"{INTAKE}/status"
APPEALS = "/v1/platforms/{platform}/appeals"
SECRETS = dict.fromkeys((INTAKE, STATUS, APPEALS), STAGE["secret"]) | {CALLBACKS: STAGE["payout_secret"]}
# Dry runs only: they would end what later operations need.
ENDING_PATHS = ("/close", "/revoke", "/disable", "/cancel", "/drop-old", "/rotate", "/refuse", "/withdraw")
ENDING_PATHS += ("/record-result", "/stop", "/approve", "/match", "/end", "/release", "/void", "/uphold", "/reject")
STAGE_MEMBERS = (("/match", "payout", "matched"), ("/people/forget", "platform", "platform"))  # of bodies
# These operations need another entry of the stage than the one that is named like the parameter.
OTHER_STAGE_KEYS = {
    "/terms": ("slug", "running"),
    "/close": ("slug", "running"),  # the other one has open cases
    "/issued-secrets": ("platform", "issuing"),
    "/withdraw": ("proposal", "withdrawable_proposal"),
    "/cancel": ("settlement", "pending_settlement"),
}
OTHER_STAGE_KEYS["/settlements/{settlement}/approve"] = ("settlement", "pending_settlement")
UNCHANGED_EVERY = 4  # of so many cases, one stays as generated: unknown names, repeated keys
CREATING_PATHS = ("/admin/charities", "/admin/tokens", "/admin/platforms", "/admin/sponsors")  # each name only once
_case_numbers = itertools.count()
_accepted_operations: set[str] = set()


class WebhookAuth(AuthBase):
    """Signs any request as a Standard Webhook."""

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        now, webhook_id = utc_now(), str(request.headers["webhook-id"])
        request.headers["webhook-timestamp"] = str(int(now.timestamp()))
        request.headers["webhook-signature"] = signature(self._secret, webhook_id, now, request.body or b"")
        return request


def signature(secret: str, webhook_id: str, now: datetime, body: bytes | str) -> str:
    """Return the signature of the reference library, or ours for bytes that it cannot sign."""
    try:
        return Webhook(secret).sign(webhook_id, now, body.decode() if isinstance(body, bytes) else body)
    except UnicodeDecodeError:
        return sign_delivery(
            b64decode(secret.removeprefix(SECRET_PREFIX)), webhook_id, int(now.timestamp()), bytes(body)
        )


def _is_valid_at(case: Case[Any], location: ParameterLocation) -> bool:
    """Return whether a case is valid at a location; a coverage case is invalid at one location."""
    meta = case.meta
    target = meta.phase.data.parameter_location if meta else location
    return meta is not None and (not meta.is_negative_at(location) or target not in (None, location))


@schemathesis.hook
def before_call(_: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Replace a case's valid parts, so that it reaches the handler; keep its invalid parts."""
    number = next(_case_numbers)
    if _is_valid_at(case, ParameterLocation.HEADER):
        _authenticate(case, kwargs)
    # Another address for each case, because ten failures from one address are rate-limited.
    case.headers["X-Forwarded-For"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    if _is_valid_at(case, ParameterLocation.QUERY):
        _keep_stage_usable(case)
    if number % UNCHANGED_EVERY and _is_valid_at(case, ParameterLocation.PATH):
        case.path_parameters |= _path_parameters(case)
    if number % UNCHANGED_EVERY and _is_valid_at(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        case.body = _refer_to_stage(case.path, case.body)


def _authenticate(case: Case[Any], kwargs: dict[str, Any]) -> None:
    if case.path in SECRETS:
        kwargs["auth"] = WebhookAuth(SECRETS[case.path])
        case.headers.update({"webhook-id": uuid4().hex, "webhook-timestamp": "0", "webhook-signature": "v1,AA=="})
    elif "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = uuid4().hex


def _keep_stage_usable(case: Case[Any]) -> None:
    if case.path.endswith(ENDING_PATHS):
        case.query["dry_run"] = "true"
    if "cursor" in case.query:  # only a real one of the list works, without filters
        limit = {name: value for name, value in case.query.items() if name == "limit"}
        cursors = STAGE["cursors"]
        case.query = limit | {"cursor": cursors[case.path]} if case.path in cursors else limit


def _path_parameters(case: Case[Any]) -> dict[str, str]:
    stage_keys = dict(pair for ending, pair in OTHER_STAGE_KEYS.items() if case.path.endswith(ending))
    return {name: STAGE[stage_keys.get(name, name)] for name in case.path_parameters}


def _refer_to_stage(path: str, body: Mapping[str, Any]) -> Any:
    """Return a body that names existing things or new ones, with a promise that is consistent."""
    changes: dict[str, Any] = {m: STAGE[key] for ending, m, key in STAGE_MEMBERS if path.endswith(ending)}
    if path.endswith("/approve"):
        changes = {"hash": STAGE["pending_settlement_hash" if "settlement" in path else "proposal_hash"]}
    elif path.endswith("/review/rules"):
        changes = STAGE["rules"]
    elif path == CALLBACKS:
        changes = {"data": {**body["data"], "id": STAGE["message"]}}
    elif path.endswith(CREATING_PATHS):
        changes = {name: f"new-{uuid4().hex[:12]}" for name in ("name", "charity") if isinstance(body.get(name), str)}
    if "account" in body:
        changes |= {"account": STAGE["promise"]["terms"]["beneficiaries"][0]["account"]}
    if "terms" in body:
        changes |= _promise_parts(body)
    if "forecast" in body:
        changes |= _preview_body(body)
    return {**body, **changes}


def _preview_body(body: Mapping[str, Any]) -> dict[str, Any]:
    forecast = {"like_campaign": STAGE["slug"]} if body["forecast"].get("like_campaign") else {}
    funded_minor = body.get("funded_minor") or 1
    promise = body["promise"] | _promise_parts(body["promise"])
    return {"promise": promise, "funded_minor": funded_minor, "forecast": {**body["forecast"], **forecast}}


def _promise_parts(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a promise; generated values stay where they cannot contradict others."""
    promise = STAGE["promise"]
    terms = {"terms": {**body["terms"], "beneficiaries": promise["terms"]["beneficiaries"]}}
    if "campaign" not in body:
        return terms
    campaign = {name: promise["campaign"][name] for name in ("currency", "timezone", "starts_at", "ends_at")}
    campaign["slug"] = f"new-{uuid4().hex[:12]}"
    settlement = {name: value for name, value in (body.get("settlement") or {}).items() if name != "cron"}
    return {**terms, "campaign": {**body["campaign"], **campaign}, "settlement": settlement}


@schemathesis.hook
def after_call(_: HookContext, case: Case[Any], response: Response) -> None:
    """Record accepted operations: a fuzzer that is only refused has tested nothing."""
    if response.status_code < HTTPStatus.BAD_REQUEST:
        _accepted_operations.add(f"{case.method} {case.path}")


@atexit.register
def _write_accepted_operations() -> None:
    Path(os.environ["ACCEPTED_FILE"]).write_text("\n".join(sorted(_accepted_operations)), encoding="utf-8")


@schemathesis.hook
def filter_failure(_: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Return False for a 200 to two kinds of invalid bodies, if only the body was invalid, and for one 405."""
    if case.path == INTAKE and response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        return False  # only some kinds of platforms ask for an answer to GET
    locations = (ParameterLocation.PATH, ParameterLocation.QUERY, ParameterLocation.HEADER)
    if not isinstance(failure, AcceptedNegativeData) or not all(
        _is_valid_at(case, location) for location in locations
    ):
        return True
    if case.path.endswith("/file"):  # of contents, as CSV: any body is a text
        return False
    # An invalid like does not affect the others: the 200 reports it as `invalid`.
    return case.path != INTAKE or not response.json()["outcomes"].get("invalid")
