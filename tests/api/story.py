"""One story told with the examples of the API's description, each sent as it stands, from a promise to its close.

What an example cannot know, the ids and hashes of things that the service made, is put in their place.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from clerks import AdminClient
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops.admin import registry
from ops.http.endpoints import document
from serving import DAY, SLUG, RunningService, like
from visitors import BrowserClient

HASH, PAYOUT, MESSAGE = "0" * 64, "pay_q5t4w2xk7m3j6r8v9n0p", "STLQ5T4W2XK7M3J6R8V9N0PA-1"  # of the examples
RUNNING_SLUG = "forest"  # a campaign that runs today
CAMPAIGN_PATH = f"/campaigns/{SLUG}"


@dataclass
class RecordedResponse:
    """What the service answered to an example: to which address, the status, and the answer."""

    method: str
    path: str
    status: int
    body: Any


@dataclass
class Story:
    """A service, and what it answered so far."""

    server: RunningService
    responses: list[RecordedResponse] = field(default_factory=list)
    _sent_count: int = 0

    def example(self, method: str, path: str) -> tuple[str, Any]:
        """Return the content type and the example of a body."""
        ((kind, content),) = document()["paths"][path][method.lower()]["requestBody"]["content"].items()
        return kind, content["example"]

    async def read(self, path: str, person: str = "olga", query: str = "", **path_parameters: str) -> Any:
        """Read an address."""
        headers = {"Authorization": f"Bearer token-of-{person}"} if path.startswith("/v1/admin") else {}
        async with self.server.http.get(
            f"{self.server.url}{path.format(**path_parameters)}{query}", headers=headers
        ) as answer:
            return self._keep_response("GET", path, answer.status, await answer.read())

    async def send(
        self, path: str, headers: Mapping[str, str], body: bytes, kind: str, **path_parameters: str
    ) -> Any:
        """Send a body, whoever it is by."""
        told = {**headers, "Content-Type": kind}
        url = self.server.url + path.format(**path_parameters)
        async with self.server.http.post(url, data=io.BytesIO(body), headers=told) as answer:
            return self._keep_response("POST", path, answer.status, await answer.read())

    async def run_command(
        self, name: str, person: str, replacements: Mapping[str, str] | None = None, /, **path_parameters: str
    ) -> Any:
        """Give a command with the body of its example; `instead` has what the example cannot know."""
        path = f"/v1/admin{registry.find_command(name).path}"
        kind, body = self.example("POST", path)
        self._sent_count += 1
        headers = {"Authorization": f"Bearer token-of-{person}", "Idempotency-Key": f"{name} {self._sent_count}"}
        return await self.send(path, headers, self.render_body(body, replacements or {}), kind, **path_parameters)

    def render_body(self, body: Any, replacements: Mapping[str, str]) -> bytes:
        """Return an example's body as bytes."""
        text = body if isinstance(body, str) else json.dumps(body)
        for known, own in replacements.items():
            assert known in text, f"the example does not say {known}"
            text = text.replace(known, own)
        return text.encode()

    def _keep_response(self, method: str, path: str, status: int, raw: bytes) -> Any:
        assert status in (200, 202), (method, path, status, raw)
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = raw.decode(errors="replace")
        self.responses.append(RecordedResponse(method, path, status, answer))
        return answer

    async def run_with_approval(
        self, name: str, person: str, approver: str, replacements: Mapping[str, str] | None = None, /, **path: str
    ) -> None:
        """Run a command that needs a second person, and have `approver` approve it."""
        waits = await self.run_command(name, person, replacements, **path)
        shown = await self.read("/v1/admin/proposals/{proposal}", person=approver, proposal=waits["proposal"])
        await self.run_command("proposal.approve", approver, {HASH: shown["hash"]}, proposal=waits["proposal"])

    async def approve_settlement(self, settlement: str) -> None:
        """Have two people approve a settlement as it is now."""
        shown = await self.read("/v1/admin/settlements/{settlement}", settlement=settlement)
        for person in ("fred", "olga"):
            await self.run_command("settlement.approve", person, {HASH: shown["hash"]}, settlement=settlement)


IN_TIME_TODAY = {'"late_days": 3650': '"late_days": 36500'}  # the likes of the example are of 2022


async def create_campaigns(story: Story) -> None:
    """A promise is looked at ahead of time, made, funded; new terms are given to one that runs."""
    kind, body = story.example("POST", "/v1/admin/preview")
    headers = {"Authorization": "Bearer token-of-rita"}
    await story.send("/v1/admin/preview", headers, story.render_body(body, {}), kind)
    await story.run_with_approval("campaign.create", "cat", "carl", IN_TIME_TODAY)
    refused = await story.run_command("campaign.fund", "fay", slug=SLUG)
    await story.run_command("proposal.refuse", "fred", proposal=refused["proposal"])
    withdrawn = await story.run_command("campaign.fund", "fay", slug=SLUG)
    await story.run_command("proposal.withdraw", "fay", proposal=withdrawn["proposal"])
    await story.run_with_approval("campaign.fund", "fay", "fred", slug=SLUG)
    await story.run_command("campaign.fund", "fay", slug=SLUG)  # the same reference: unchanged
    await story.run_command("campaign.terms", "cat", slug=RUNNING_SLUG)


async def send_likes(story: Story) -> str:
    """A platform sends the delivery of the example, signed, then more; return the first like's receipt."""
    own, path = story.server, "/v1/platforms/{platform}/likes"
    _, body = story.example("POST", path)
    signed = own.sign_headers("msg_2Lh9", json.dumps(body))
    await story.send(path, signed, json.dumps(body).encode(), "application/json", platform=own.platform)
    told = await own.send([like(str(number)) for number in range(300)], results="all")
    await own.send([like(str(number), "later", at=DAY + timedelta(days=5)) for number in range(90)])
    await own.sequence()
    return str(told.json["results"][0]["receipt"])


async def settle_periods(story: Story) -> str:
    """Periods are settled, one is cancelled; return the settlement that is approved, sent, and answered for."""
    made = await story.run_command("settlement.make", "fay", slug=SLUG)
    settlement = next(iter(made["after"]))
    later = await AdminClient(story.server, "fay").run_command(f"{CAMPAIGN_PATH}/settlements", {"upto": "2022-04-25"})
    await story.run_command("settlement.cancel", "fay", settlement=next(iter(later[1]["after"])))
    await story.approve_settlement(settlement)
    await story.run_command("settlement.send", "fay", settlement=settlement)
    return str(settlement)


async def pay_out(story: Story, settlement: str, secret: str) -> str:
    """One payout is known to be sent and matched with the bank's line; another comes back and is told of by callback.

    Returns the payout that was paid.
    """
    fay = AdminClient(story.server, "fay")
    _, shown = await fay.read(f"/settlements/{settlement}")
    first, second = shown["payouts"]
    await story.run_command("payout.record-result", "fay", payout=first["payout"])
    await fay.run_command(f"/payouts/{second['payout']}/record-result", {"refusal_reason": "no such account"})
    await story.run_command("payout.retry", "fay", payout=second["payout"])
    await story.approve_settlement(settlement)
    await fay.run_command(f"/settlements/{settlement}/send", {"channel": "http"})
    query = "SELECT max(message_id) FROM payout_messages WHERE channel = 'http'"
    message = await story.server.service.pool.fetchval(query)
    path = "/v1/payouts/answers"
    body = story.render_body(story.example("POST", path)[1], {MESSAGE: message}).decode()
    story.server.secret, known = secret, story.server.secret
    await story.send(path, story.server.sign_headers("msg_1", body), body.encode(), "application/json")
    story.server.secret = known
    await story.run_command("statement.import", "fay")
    await fay.send_file("/statements", statement_csv(first["amount"]["text"]))
    _, lines = await fay.read("/statement-lines", unmatched="true")
    await story.run_command("line.match", "fay", {PAYOUT: first["payout"]}, line=lines["lines"][0]["id"])
    return str(first["payout"])


def statement_csv(amount: str) -> bytes:
    """Return a statement with a line that has the amount of a payout, and names none."""
    rows = [
        ",".join(COLUMNS),
        "1,S,opening,2022-04-19,0.00,CNY,credit,,,,",
        f"1,S,entry,2022-04-19,{amount},CNY,debit,,B-9,,a transfer",
        f"1,S,closing,2022-04-19,{amount},CNY,debit,,,,",
    ]
    return "\r\n".join(rows).encode()


async def manage_registers(story: Story) -> str:
    """Charities, sponsors, platforms, tokens and sessions come, are changed, and go; return the sponsor."""
    await story.run_command("charity.create", "cat")
    for name in ("charity.rename", "charity.disable", "charity.enable"):
        await story.run_command(name, "cat", charity="mountain-reading")
    await story.run_command("charity.account", "fay", charity="mountain-reading")
    await story.run_command("charity.account", "fay", charity="village-schools")
    sponsor = str((await story.run_command("sponsor.create", "cat"))["after"]["sponsor"])
    for name in ("sponsor.rename", "sponsor.disable", "sponsor.enable"):
        await story.run_command(name, "cat", sponsor=sponsor)
    await story.run_command("platform.add", "olga")
    for name in ("rotate", "key", "drop-old", "disable", "enable"):
        await story.run_command(f"platform.{name}", "olga", platform="short-videos")
    await story.run_command("token.create", "olga")
    await story.run_command("token.revoke", "olga", name="ann")
    for person in ("cat", "fay"):
        await BrowserClient(story.server, story.server.http).sign_in(person)
    await story.run_command("session.end", "olga", name="fay")
    return sponsor


async def enrol_content(story: Story) -> str:
    """Content is enrolled, paused, resumed and removed, some of it as a file; return an upload."""
    for name in ("enrol", "pause", "resume", "remove"):
        await story.run_command(f"content.{name}", "cat", slug=SLUG)
    upload = str((await story.run_command("content.enrol_file", "cat", slug=SLUG))["after"]["upload"])
    await story.run_command("upload.stop", "cat", upload=upload)
    await story.run_command("content.remove_file", "cat", slug=SLUG)
    await AdminClient(story.server, "cat").run_command(f"{CAMPAIGN_PATH}/content/enrol", {"contents": ["3431182"]})
    return upload
