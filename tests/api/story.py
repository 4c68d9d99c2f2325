"""One story through the API, from a promise to its close, made of the OpenAPI document's examples.

Each example is sent unchanged, except for ids and hashes that the service generated.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from admin_client import AdminClient
from browser_client import BrowserClient
from ledger.reconciliation.statements.csv_table import COLUMNS
from ops.admin import registry
from ops.http.endpoints import document
from reviewed_cases import open_case, store_rules
from reviewed_cases import send_likes as send_review_likes
from running_service import DAY, SLUG, RunningService, like
from status_reports import status_report, transfer_status

HASH, PAYOUT, MESSAGE = "0" * 64, "pay_q5t4w2xk7m3j6r8v9n0p", "STLQ5T4W2XK7M3J6R8V9N0PA-1"  # in the examples
RUNNING_SLUG = "forest"  # a campaign that runs today
JUDGED_SLUG = "judged"  # a campaign with the shipped rules
CAMPAIGN_PATH = f"/campaigns/{SLUG}"


@dataclass
class RecordedResponse:
    """The response of the service to one request of the story."""

    method: str
    path: str
    status: int
    body: Any


@dataclass
class Story:
    """A service, and its responses so far."""

    server: RunningService
    responses: list[RecordedResponse] = field(default_factory=list)
    _sent_count: int = 0

    def example(self, method: str, path: str) -> tuple[str, Any]:
        """Return the content type and the example of a body."""
        ((kind, content),) = document()["paths"][path][method.lower()]["requestBody"]["content"].items()
        return kind, content["example"]

    async def read(self, path: str, person: str = "olga", query: str = "", **path_parameters: str) -> Any:
        """Send GET; return the response."""
        headers = {"Authorization": f"Bearer token-of-{person}"} if path.startswith("/v1/admin") else {}
        url = f"{self.server.url}{path.format(**path_parameters)}{query}"
        async with self.server.http.get(url, headers=headers) as response:
            return self._record("GET", path, response.status, await response.read())

    async def send(
        self, path: str, headers: Mapping[str, str], body: bytes, kind: str, **path_parameters: str
    ) -> Any:
        """Send POST with any body; return the response."""
        all_headers = {**headers, "Content-Type": kind}
        url = self.server.url + path.format(**path_parameters)
        async with self.server.http.post(url, data=io.BytesIO(body), headers=all_headers) as response:
            return self._record("POST", path, response.status, await response.read())

    async def run_command(
        self, name: str, person: str, replacements: Mapping[str, str] | None = None, /, **path_parameters: str
    ) -> Any:
        """Run a command with the body of its example, in which `replacements` are made."""
        path = f"/v1/admin{registry.find_command(name).path}"
        kind, body = self.example("POST", path)
        self._sent_count += 1
        headers = {"Authorization": f"Bearer token-of-{person}", "Idempotency-Key": f"{name} {self._sent_count}"}
        return await self.send(path, headers, self.render_body(body, replacements or {}), kind, **path_parameters)

    def render_body(self, body: Any, replacements: Mapping[str, str]) -> bytes:
        """Return an example's body as bytes, with generated values in place of the example's."""
        text = body if isinstance(body, str) else json.dumps(body)
        for example_value, generated_value in replacements.items():
            assert example_value in text, f"the example has no {example_value}"
            text = text.replace(example_value, generated_value)
        return text.encode()

    def _record(self, method: str, path: str, status: int, raw: bytes) -> Any:
        assert status in (200, 202), (method, path, status, raw)
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw.decode(errors="replace")
        self.responses.append(RecordedResponse(method, path, status, body))
        return body

    async def run_with_approval(
        self, name: str, person: str, approver: str, replacements: Mapping[str, str] | None = None, /, **path: str
    ) -> None:
        """Run a command that needs approval, and let `approver` approve it."""
        pending = await self.run_command(name, person, replacements, **path)
        proposal_id = pending["proposal"]
        proposal = await self.read("/v1/admin/proposals/{proposal}", person=approver, proposal=proposal_id)
        await self.run_command("proposal.approve", approver, {HASH: proposal["hash"]}, proposal=proposal_id)

    async def approve_settlement(self, settlement: str) -> None:
        """Let two people approve a settlement by its current hash."""
        detail = await self.read("/v1/admin/settlements/{settlement}", settlement=settlement)
        for person in ("fred", "olga"):
            await self.run_command("settlement.approve", person, {HASH: detail["hash"]}, settlement=settlement)


# The likes of the example are of 2022, and of one moment: rules would hold them.
IN_TIME_TODAY = {
    '"late_days": 3650': '"late_days": 36500',
    '"terms": {': '"authenticity": {"rules": "none"}, "terms": {',
}


async def create_campaigns(story: Story) -> None:
    """Preview, create and fund a campaign; give new terms to another one that runs."""
    kind, body = story.example("POST", "/v1/admin/preview")
    headers = {"Authorization": "Bearer token-of-rita"}
    await story.send("/v1/admin/preview", headers, story.render_body(body, {}), kind)
    await story.run_with_approval("campaign.create", "cat", "carl", IN_TIME_TODAY)
    refused = await story.run_command("campaign.fund", "fay", slug=SLUG)
    await story.run_command("proposal.refuse", "fred", proposal=refused["proposal"])
    withdrawn = await story.run_command("campaign.fund", "fay", slug=SLUG)
    await story.run_command("proposal.withdraw", "fay", proposal=withdrawn["proposal"])
    await story.run_with_approval("campaign.fund", "fay", "fred", slug=SLUG)
    await story.run_command("campaign.fund", "fay", slug=SLUG)  # the same reference changes nothing
    await story.run_command("campaign.terms", "cat", slug=RUNNING_SLUG)


async def send_likes(story: Story) -> str:
    """Send the example's delivery, then more likes; return the receipt of the first of those."""
    server, path = story.server, "/v1/platforms/{platform}/likes"
    _, body = story.example("POST", path)
    headers = server.sign_headers("msg_2Lh9", json.dumps(body))
    await story.send(path, headers, json.dumps(body).encode(), "application/json", platform=server.platform)
    for other_path in (f"{path}/status", "/v1/platforms/{platform}/appeals"):
        _, body = story.example("POST", other_path)
        headers = server.sign_headers("msg_2Lh10", json.dumps(body))
        kind = "application/json"
        await story.send(other_path, headers, json.dumps(body).encode(), kind, platform=server.platform)
    response = await server.send([like(str(number)) for number in range(300)], results="all")
    await server.send([like(str(number), "later", at=DAY + timedelta(days=5)) for number in range(90)])
    await server.sequence()
    return str(response.json["results"][0]["receipt"])


async def settle_periods(story: Story) -> str:
    """Settle two periods and cancel the second; return the settlement that was sent."""
    first = await story.run_command("settlement.make", "fay", slug=SLUG)
    settlement = next(iter(first["after"]))
    fay = AdminClient(story.server, "fay")
    _, second = await fay.run_command(f"{CAMPAIGN_PATH}/settlements", {"upto": "2022-04-25"})
    await story.run_command("settlement.cancel", "fay", settlement=next(iter(second["after"])))
    await story.approve_settlement(settlement)
    await story.run_command("settlement.send", "fay", settlement=settlement)
    return str(settlement)


async def pay_out(story: Story, settlement: str, secret: str) -> str:
    """Match one payout with a statement line; retry the other, which a callback then accepts.

    A bank status of another message is reviewed.

    Returns the payout that was paid.
    """
    fay = AdminClient(story.server, "fay")
    _, detail = await fay.read(f"/settlements/{settlement}")
    first, second = detail["payouts"]
    await story.run_command("payout.record-result", "fay", payout=first["payout"])
    await fay.run_command(f"/payouts/{second['payout']}/record-result", {"refusal_reason": "no such account"})
    await story.run_command("payout.retry", "fay", payout=second["payout"])
    await story.approve_settlement(settlement)
    await fay.run_command(f"/settlements/{settlement}/send", {"channel": "http"})
    query = "SELECT max(message_id) FROM payout_messages WHERE channel = 'http'"
    message = await story.server.service.pool.fetchval(query)
    path = "/v1/payouts/answers"
    body = story.render_body(story.example("POST", path)[1], {MESSAGE: message}).decode()
    headers = replace(story.server, secret=secret).sign_headers("msg_1", body)
    await story.send(path, headers, body.encode(), "application/json")
    await story.run_command("statement.import", "fay")
    await fay.send_file("/statements", statement_csv(first["amount"]["text"]))
    _, lines = await fay.read("/statement-lines", unmatched="true")
    await story.run_command("line.match", "fay", {PAYOUT: first["payout"]}, line=lines["lines"][0]["id"])
    await fay.send_file("/statements", status_report("X-1", transfer_status("X-2", "RJCT", "AC04")))
    _, statuses = await fay.read("/payment-statuses", unmatched="true")
    await story.run_command("status.review", "fay", status=statuses["statuses"][0]["id"])
    return str(first["payout"])


def statement_csv(amount: str) -> bytes:
    """Return a statement with an entry of a payout's amount that names no payout."""
    rows = [
        ",".join(COLUMNS),
        "1,S,opening,2022-04-19,0.00,CNY,credit,,,,",
        f"1,S,entry,2022-04-19,{amount},CNY,debit,,B-9,,a transfer",
        f"1,S,closing,2022-04-19,{amount},CNY,debit,,,,",
    ]
    return "\r\n".join(rows).encode()


PAGE = "page"  # a platform that verifies the address
CHALLENGE = "?hub.mode=subscribe&hub.challenge=challenge-of-the-page&hub.verify_token=token"


async def manage_registers(story: Story) -> str:
    """Create, change and end entries of every register; return the sponsor."""
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
    olga, issued = AdminClient(story.server, "olga"), {"secret": "from-the-platform"}
    await olga.run_command("/platforms", {"name": "stars", "kind": "github-star", "issued": issued})
    await story.run_command("platform.issued", "olga", platform="stars")
    page = {"name": PAGE, "kind": "facebook-page", "issued": issued | {"verify_token": "token"}}
    await olga.run_command("/platforms", page)
    await story.run_command("person.forget", "olga", slug=SLUG)
    await story.run_command("token.create", "olga")
    await story.run_command("token.revoke", "olga", name="ann")
    for person in ("cat", "fay"):
        await BrowserClient(story.server, story.server.http).sign_in(person)
    await story.run_command("session.end", "olga", name="fay")
    return sponsor


async def review_cases(story: Story) -> str:
    """Note and decide two cases, with the approval of another person; return the void one."""
    server = story.server
    await story.run_command("rules.apply", "rita", {"rural-education": JUDGED_SLUG})
    await story.read("/v1/admin/review/rules/{slug}", person="rita", slug=JUDGED_SLUG)
    await store_rules(server)
    phone, tablet = [
        await open_case(server, await send_review_likes(server, [f"{name} {n}" for n in range(6)], name))
        for name in ("phone", "tablet")
    ]
    await story.run_command("case.note", "rita", case=phone)
    await story.run_with_approval("case.void", "rita", "olga", case=phone)
    await story.run_with_approval("case.release", "rita", "olga", case=tablet)
    return phone


async def decide_appeals(story: Story) -> None:
    """Appeal for two likes that rules hold; uphold one appeal and reject the other."""
    server = story.server
    likes = await send_review_likes(server, [f"appellant {n}" for n in range(8)], "appealed")
    case = await open_case(server, likes)
    members = [
        {"campaign": SLUG, "content": content, "person": person, "message": "I did like it."}
        for content, person in likes[:2]
    ]
    body = json.dumps({"type": "likes.appeal", "timestamp": "2022-04-12T08:00:00Z", "data": {"likes": members}})
    path, headers = "/v1/platforms/{platform}/appeals", server.sign_headers("msg_2Lh11", body)
    response = await story.send(path, headers, body.encode(), "application/json", platform=server.platform)
    for name, row in zip(("appeal.uphold", "appeal.reject"), response["appeals"], strict=True):
        await story.run_command(name, "rita", appeal=row["appeal"])
    await story.run_with_approval("case.release", "rita", "olga", case=case)


async def enrol_content(story: Story) -> str:
    """Enrol, pause, resume and remove contents, some of them as a file; return the upload."""
    for name in ("enrol", "pause", "resume", "remove"):
        await story.run_command(f"content.{name}", "cat", slug=SLUG)
    upload = str((await story.run_command("content.enrol_file", "cat", slug=SLUG))["after"]["upload"])
    await story.run_command("upload.stop", "cat", upload=upload)
    await story.run_command("content.remove_file", "cat", slug=SLUG)
    await AdminClient(story.server, "cat").run_command(f"{CAMPAIGN_PATH}/content/enrol", {"contents": ["3431182"]})
    return upload
