"""Errors around a request: expected ones become problems, all others are bugs of status 500."""

import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

import jinja2
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from campaigns.errors import CampaignClosed
from ledger.errors import ConcurrentUpdate
from ops.http.api import intake, payout_callbacks
from ops.http.core.middleware import handle_errors

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REFUSALS = [CampaignClosed("forest"), ConcurrentUpdate("payout_changed_meanwhile", payout="pay_1")]


async def respond(handler: Handler) -> tuple[int, str]:
    """Return the status and the code of the response to a request."""
    app = web.Application()
    app[payout_callbacks.PAYOUT_CALLBACK_SERVICES] = cast("Any", None)
    response = await handle_errors(make_mocked_request("POST", "/", app=app), handler)
    assert isinstance(response, web.Response)
    return response.status, json.loads(cast("bytes", response.body))["code"]


def raising(error: Exception) -> Callable[..., Awaitable[Any]]:
    async def fail(*_: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
async def test_a_refusal_of_a_command_is_a_conflict(refusal: Exception) -> None:
    assert (await respond(raising(refusal)))[0] == 409


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.code)
async def test_a_refusal_of_intake_or_a_callback_is_a_bug(
    monkeypatch: pytest.MonkeyPatch, refusal: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(intake, "_record_delivery", raising(refusal))
    monkeypatch.setattr(payout_callbacks, "_process_callback", raising(refusal))
    for handler in (intake.receive_likes, payout_callbacks.receive_callback):
        assert await respond(handler) == (500, "internal_error")
        captured = capsys.readouterr()
        assert "bug" in captured.out + captured.err


async def test_a_missing_template_is_a_bug() -> None:
    assert await respond(raising(jinja2.TemplateNotFound("page.html"))) == (500, "internal_error")
