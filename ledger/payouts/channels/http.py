"""The channel `http`: a payment service is asked by signed requests, one for each payout.

The request is a Standard Webhook (https://www.standardwebhooks.com): its id is the message's, and the service's
idempotency key too, so the same request again is the same payout. The service answers, to the request or when it is
asked at `URL/<message id>`, with `{"status": "accepted" | "refused", "reference": …, "reason": …}`; 404 to a question
means that it never got it. Whatever else happens, a time-out above all, means that nobody knows. It may also answer
later and of its own accord: by a Standard Webhook of type `payout.answered`, whose data name the message as `id`.
"""

import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Any

import aiohttp
import orjson
import rfc8785

from ledger.http_client import read_bounded
from ledger.money import format_minor
from ledger.payouts.channels import Instruction, Message, PaymentOutcome, PaymentResult

RESPONSE_BYTES_MAX = 64 * 1024
CALLBACK_TYPE = "payout.answered"
_MESSAGE_ID = re.compile(r"[A-Za-z0-9-]{1,35}")
_CONCLUSIVE_STATUSES = {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.UNPROCESSABLE_ENTITY}
_OUTCOMES = {"accepted": PaymentOutcome.ACCEPTED, "refused": PaymentOutcome.REFUSED}
_UNKNOWN = PaymentResult(PaymentOutcome.UNKNOWN, reason="the payment service gave no clear answer")
_NOT_FOUND = PaymentResult(PaymentOutcome.NOT_FOUND)


@dataclass(frozen=True, slots=True)
class HttpChannel:
    """A payment service at an address."""

    url: str
    secret: str = field(repr=False)  # whsec_…
    clock: Callable[[], datetime]
    seconds_max: float = 30
    name: str = "http"
    combines_payouts: bool = False

    def compose(self, message_id: str, instructions: Sequence[Instruction], now: datetime) -> bytes:
        """Return the request's body, as RFC 8785 JSON."""
        (one,) = instructions
        asked: dict[str, Any] = {
            "end_to_end_id": one.end_to_end_id,
            "amount": {"minor": one.amount_minor, "text": format_minor(one.amount_minor, one.currency)},
            "currency": one.currency,
            "name": one.name,
            "account": one.account,
            "reference": one.reference,
        }
        asked["id"] = message_id
        told: dict[str, Any] = {"type": "payout.requested", "timestamp": now.isoformat(), "data": asked}
        return rfc8785.dumps(told)

    async def send(self, message: Message) -> PaymentResult:
        """Ask for a payout; what is no clear answer is unknown."""
        headers = self._signed_headers(message.message_id, message.body) | {"Content-Type": "application/json"}
        return _parse_response(*await self._request("POST", self.url, message.body, headers))

    async def query_result(self, message: Message) -> PaymentResult:
        """Ask what became of it."""
        address = f"{self.url.rstrip('/')}/{message.message_id}"
        status, said = await self._request("GET", address, b"", self._signed_headers(message.message_id, b""))
        return _NOT_FOUND if status == HTTPStatus.NOT_FOUND else _parse_response(status, said)

    def _signed_headers(self, message_id: str, body: bytes) -> dict[str, str]:
        moment = str(int(self.clock().timestamp()))
        key = b64decode(self.secret.removeprefix("whsec_"))
        mac = hmac.digest(key, f"{message_id}.{moment}.".encode() + body, "sha256")
        return {
            "webhook-id": message_id,
            "webhook-timestamp": moment,
            "webhook-signature": f"v1,{b64encode(mac).decode()}",
            "Idempotency-Key": message_id,
            "Accept-Encoding": "identity",
        }

    async def _request(self, method: str, url: str, body: bytes, headers: dict[str, str]) -> tuple[int | None, bytes]:
        """Return status and body; None where there was no whole answer, or a longer one than answers are.

        Follows no redirect: who is asked is who answers.
        """
        patience = aiohttp.ClientTimeout(total=self.seconds_max)
        try:
            async with (
                aiohttp.ClientSession(timeout=patience) as session,
                session.request(method, url, data=body or None, headers=headers, allow_redirects=False) as answer,
            ):
                said = await read_bounded(answer.content, RESPONSE_BYTES_MAX)
                return (None, b"") if said is None else (answer.status, said)
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None, b""


def _parse_response(status: int | None, body: bytes) -> PaymentResult:
    """Return what an answer says: only a clear word is one. Pure."""
    if status not in _CONCLUSIVE_STATUSES:
        return _UNKNOWN
    try:
        answer: Any = orjson.loads(body)
        outcome = _OUTCOMES[answer["status"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return _UNKNOWN
    return _build_result(answer, outcome)


def parse_callback(body: bytes) -> tuple[str, PaymentResult] | None:
    """Return which message the service answers of its own accord, and what; None where it says neither. Pure."""
    try:
        said: Any = orjson.loads(body)
        answer, kind = said["data"], said["type"]
        message_id, outcome = answer["id"], _OUTCOMES[answer["status"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    if kind != CALLBACK_TYPE or not isinstance(message_id, str) or not _MESSAGE_ID.fullmatch(message_id):
        return None
    return message_id, _build_result(answer, outcome)


def _build_result(data: Any, outcome: PaymentOutcome) -> PaymentResult:
    reference, reason = (_single_line(data.get(name)) for name in ("reference", "reason"))
    return PaymentResult(outcome, reference[:140] or None, reason[:500] or None)


def _single_line(value: Any) -> str:
    return "".join(filter(str.isprintable, value)).strip() if isinstance(value, str) else ""
