"""Channel `http`: signed requests to a payment service, one for every payout.

A request is a Standard Webhook (https://www.standardwebhooks.com). The message id is its webhook id
and its idempotency key, so a retry is the same payout. The service responds to the request, or to
`GET URL/<message id>`, with `{"status": "accepted" | "refused", "reference": …, "reason": …}`, and
names in `sha256` the body that it received. A 404 to the query means that it never received the
message; a 409 to the request, that it knows another body under this id. Any other response, and a
time-out, leaves the result unknown. The service may also call back with a Standard Webhook of type
`payout.answered`, whose data name the message as `id`.
"""

import asyncio
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import rfc8785

from ledger.errors import SettlementRefused
from ledger.http_client import read_bounded
from ledger.money import to_money
from ledger.payouts.channels import Instruction, Message, PaymentOutcome, PaymentResult
from ledger.payouts.channels.sent_marks import read_mark, require_same_body, write_mark

RESPONSE_BYTES_MAX = 64 * 1024
CALLBACK_TYPE = "payout.answered"
_MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{1,35}")
_CONCLUSIVE_STATUSES = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.UNPROCESSABLE_ENTITY}
_OUTCOMES = {"accepted": PaymentOutcome.ACCEPTED, "refused": PaymentOutcome.REFUSED}
_UNKNOWN = PaymentResult(PaymentOutcome.UNKNOWN)
_NOT_FOUND = PaymentResult(PaymentOutcome.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class HttpChannel:
    """A payment service at a URL."""

    url: str
    secret: str = field(repr=False)  # whsec_…
    clock: Callable[[], datetime]
    marks_folder: Path | None = None  # remembers the messages' hashes outside the database
    seconds_max: float = 30
    name: str = "http"
    combines_payouts: bool = False

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        """Return the request body as RFC 8785 JSON."""
        (instruction,) = instructions
        data: dict[str, Any] = {
            "id": message_id,
            "end_to_end_id": instruction.end_to_end_id,
            "amount": dict(to_money(instruction.amount_minor, instruction.currency)),
            "currency": instruction.currency,
            "name": instruction.name,
            "account": instruction.account,
            "reference": instruction.reference,
        }
        event: dict[str, Any] = {
            "type": "payout.requested",
            "timestamp": now.astimezone(UTC).isoformat(),
            "data": data,
        }
        return rfc8785.dumps(event)

    async def send(self, message: Message) -> PaymentResult:
        """Request a payout; without a clear response the result is unknown.

        Raises SettlementRefused if the service knows another message under this id.
        """
        if self.marks_folder is not None:
            await asyncio.to_thread(write_mark, self.marks_folder, message)
        headers = self._signed_headers(message.message_id, message.body)
        headers |= {"Content-Type": "application/json", "Content-Digest": _content_digest(message.body)}
        status, body = await self._request("POST", self.url, message.body, headers)
        if status == HTTPStatus.CONFLICT:
            raise SettlementRefused("payout_message_known", message=message.message_id)
        return _require_own_result(message, _parse_response(status, body))

    async def query_result(self, message: Message) -> PaymentResult:
        """Query the result of a payout that may have been requested.

        Raises SettlementRefused if another message was sent under this id.
        """
        if self.marks_folder is not None:
            digest = await asyncio.to_thread(read_mark, self.marks_folder, message)
            if digest is not None:
                require_same_body(message, digest)
        url = f"{self.url.rstrip('/')}/{message.message_id}"
        status, body = await self._request("GET", url, b"", self._signed_headers(message.message_id, b""))
        if status == HTTPStatus.NOT_FOUND:
            return _NOT_FOUND
        return _require_own_result(message, _parse_response(status, body))

    def _signed_headers(self, message_id: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(self.clock().timestamp()))
        key = b64decode(self.secret.removeprefix("whsec_"))
        mac = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": f"v1,{b64encode(mac).decode()}",
            "Idempotency-Key": message_id,
            "Accept-Encoding": "identity",
        }

    async def _request(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int | None, bytes]:
        """Return status and body; the status is None if the response was incomplete or too long.

        Follows no redirect, so only the configured service can respond.
        """
        timeout = aiohttp.ClientTimeout(total=self.seconds_max)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.request(method, url, data=body or None, headers=headers, allow_redirects=False) as response,
            ):
                content = await read_bounded(response.content, RESPONSE_BYTES_MAX)
                return (None, b"") if content is None else (response.status, content)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None, b""


def _content_digest(body: bytes) -> str:
    """Return the value of Content-Digest (RFC 9530)."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def _require_own_result(message: Message, result: PaymentResult) -> PaymentResult:
    """Return the result, which is of this body if it names one."""
    if result.body_sha256 is not None:
        require_same_body(message, result.body_sha256)
    return result


def _parse_response(status: int | None, body: bytes) -> PaymentResult:
    """Return the result in a response, unknown unless it is explicit. Pure."""
    if status not in _CONCLUSIVE_STATUSES:
        return _UNKNOWN
    try:
        data: Any = orjson.loads(body)
        outcome = _OUTCOMES[data["status"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return _UNKNOWN
    return _build_result(data, outcome)


def parse_callback(body: bytes) -> tuple[str, PaymentResult] | None:
    """Return the message id and the result in a callback, None if the body is not a callback.

    Pure.
    """
    try:
        event: Any = orjson.loads(body)
        data, event_type = event["data"], event["type"]
        message_id, outcome = data["id"], _OUTCOMES[data["status"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    if event_type != CALLBACK_TYPE or not isinstance(message_id, str) or not _MESSAGE_ID.fullmatch(message_id):
        return None
    return message_id, _build_result(data, outcome)


def _build_result(data: Any, outcome: PaymentOutcome) -> PaymentResult:
    reference, reason = (_single_line(data.get(name)) for name in ("reference", "reason"))
    digest = _single_line(data.get("sha256"))[:64].lower() or None
    return PaymentResult(outcome, reference[:140] or None, reason[:500] or None, digest)


def _single_line(value: Any) -> str:
    return "".join(filter(str.isprintable, value)).strip() if isinstance(value, str) else ""
