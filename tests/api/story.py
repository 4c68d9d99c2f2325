"""One story told with the examples of the API's description, each sent as it stands, from a promise to its close.

What an example cannot know, the ids and hashes of things that the service made, is put in their place.
"""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from clerks import Clerk
from ledger.statements.table import COLUMNS
from ops.admin import registry
from ops.http.openapi import document
from serving import DAY, SLUG, Running, like
from visitors import Visitor

HASH, PAYOUT, MESSAGE = "0" * 64, "pay_q5t4w2xk7m3j6r8v9n0p", "STLQ5T4W2XK7M3J6R8V9N0PA-1"  # of the examples
RUNS = "forest"  # a campaign that runs today
OWN = f"/campaigns/{SLUG}"


@dataclass
class Told:
    """What the service answered to an example: to which address, the status, and the answer."""

    method: str
    path: str
    status: int
    answer: Any


@dataclass
class Story:
    """A service, and what it answered so far."""

    own: Running
    told: list[Told] = field(default_factory=list)
    _sent: int = 0

    def example(self, method: str, path: str) -> tuple[str, Any]:
        """Return the content type and the example of a body."""
        ((kind, content),) = document()["paths"][path][method.lower()]["requestBody"]["content"].items()
        return kind, content["example"]

    async def asks(self, path: str, by: str = "olga", query: str = "", **places: str) -> Any:
        """Read an address."""
        headers = {"Authorization": f"Bearer token-of-{by}"} if path.startswith("/v1/admin") else {}
        async with self.own.http.get(f"{self.own.url}{path.format(**places)}{query}", headers=headers) as answer:
            return self._kept("GET", path, answer.status, await answer.read())

    async def sends(self, path: str, headers: Mapping[str, str], body: bytes, kind: str, **places: str) -> Any:
        """Send a body, whoever it is by."""
        told = {**headers, "Content-Type": kind}
        url = self.own.url + path.format(**places)
        async with self.own.http.post(url, data=io.BytesIO(body), headers=told) as answer:
            return self._kept("POST", path, answer.status, await answer.read())

    async def gives(self, name: str, by: str, instead: Mapping[str, str] | None = None, /, **places: str) -> Any:
        """Give a command with the body of its example; `instead` has what the example cannot know."""
        path = f"/v1/admin{registry.find(name).path}"
        kind, body = self.example("POST", path)
        self._sent += 1
        headers = {"Authorization": f"Bearer token-of-{by}", "Idempotency-Key": f"{name} {self._sent}"}
        return await self.sends(path, headers, self.written(body, instead or {}), kind, **places)

    def written(self, body: Any, instead: Mapping[str, str]) -> bytes:
        """Return an example's body as bytes."""
        text = body if isinstance(body, str) else json.dumps(body)
        for known, own in instead.items():
            assert known in text, f"the example does not say {known}"
            text = text.replace(known, own)
        return text.encode()

    def _kept(self, method: str, path: str, status: int, raw: bytes) -> Any:
        assert status in (200, 202), (method, path, status, raw)
        try:
            answer = json.loads(raw)
        except ValueError:
            answer = raw.decode(errors="replace")
        self.told.append(Told(method, path, status, answer))
        return answer

    async def agreed(
        self, name: str, by: str, to: str, instead: Mapping[str, str] | None = None, /, **places: str
    ) -> None:
        """Give a command that waits, and have another person agree to it."""
        waits = await self.gives(name, by, instead, **places)
        shown = await self.asks("/v1/admin/proposals/{proposal}", by=to, proposal=waits["proposal"])
        await self.gives("proposal.approve", to, {HASH: shown["hash"]}, proposal=waits["proposal"])

    async def approved(self, settlement: str) -> None:
        """Have two people approve a settlement as it is now."""
        shown = await self.asks("/v1/admin/settlements/{settlement}", settlement=settlement)
        for person in ("fred", "olga"):
            await self.gives("settlement.approve", person, {HASH: shown["hash"]}, settlement=settlement)


TAKES_LIKES_TODAY = {'"late_days": 3650': '"late_days": 36500'}  # the likes of the example are of 2022


async def promised(story: Story) -> None:
    """A promise is looked at ahead of time, made, funded; new terms are given to one that runs."""
    kind, body = story.example("POST", "/v1/admin/preview")
    headers = {"Authorization": "Bearer token-of-rita"}
    await story.sends("/v1/admin/preview", headers, story.written(body, {}), kind)
    await story.agreed("campaign.create", "cat", "carl", TAKES_LIKES_TODAY)
    refused = await story.gives("campaign.fund", "fay", slug=SLUG)
    await story.gives("proposal.refuse", "fred", proposal=refused["proposal"])
    withdrawn = await story.gives("campaign.fund", "fay", slug=SLUG)
    await story.gives("proposal.withdraw", "fay", proposal=withdrawn["proposal"])
    await story.agreed("campaign.fund", "fay", "fred", slug=SLUG)
    await story.gives("campaign.fund", "fay", slug=SLUG)  # the same reference: unchanged
    await story.gives("campaign.terms", "cat", slug=RUNS)


async def liked(story: Story) -> str:
    """A platform sends the delivery of the example, signed, then more; return the first like's receipt."""
    own, path = story.own, "/v1/platforms/{platform}/likes"
    _, body = story.example("POST", path)
    signed = own.signed("msg_2Lh9", json.dumps(body))
    await story.sends(path, signed, json.dumps(body).encode(), "application/json", platform=own.platform)
    told = await own.send([like(str(number)) for number in range(300)], results="all")
    await own.send([like(str(number), "later", at=DAY + timedelta(days=5)) for number in range(90)])
    await own.sequence()
    return str(told.json["results"][0]["receipt"])


async def settled(story: Story) -> str:
    """Periods are settled, one is cancelled; return the settlement that is approved, sent, and answered for."""
    made = await story.gives("settlement.make", "fay", slug=SLUG)
    settlement = next(iter(made["after"]))
    later = await Clerk(story.own, "fay").gives(f"{OWN}/settlements", {"upto": "2022-04-25"})
    await story.gives("settlement.cancel", "fay", settlement=next(iter(later[1]["after"])))
    await story.approved(settlement)
    await story.gives("settlement.send", "fay", settlement=settlement)
    return str(settlement)


async def paid(story: Story, settlement: str, secret: str) -> str:
    """One payout is known to be sent and matched with the bank's line; another comes back and is told of by callback.

    Returns the payout that was paid.
    """
    fay = Clerk(story.own, "fay")
    _, shown = await fay.reads(f"/settlements/{settlement}")
    first, second = shown["payouts"]
    await story.gives("payout.answer", "fay", payout=first["payout"])
    await fay.gives(f"/payouts/{second['payout']}/answer", {"refused": "no such account"})
    await story.gives("payout.again", "fay", payout=second["payout"])
    await story.approved(settlement)
    await fay.gives(f"/settlements/{settlement}/send", {"channel": "http"})
    query = "SELECT max(message_id) FROM payout_messages WHERE channel = 'http'"
    message = await story.own.service.pool.fetchval(query)
    path = "/v1/payouts/answers"
    body = story.written(story.example("POST", path)[1], {MESSAGE: message}).decode()
    story.own.secret, known = secret, story.own.secret
    await story.sends(path, story.own.signed("msg_1", body), body.encode(), "application/json")
    story.own.secret = known
    await story.gives("statement.import", "fay")
    await fay.sends("/statements", statement(first["amount"]["text"]))
    _, lines = await fay.reads("/statement-lines", unmatched="true")
    await story.gives("line.match", "fay", {PAYOUT: first["payout"]}, line=lines["lines"][0]["id"])
    return str(first["payout"])


def statement(amount: str) -> bytes:
    """Return a statement with a line that has the amount of a payout, and names none."""
    rows = [
        ",".join(COLUMNS),
        "1,S,opening,2022-04-19,0.00,CNY,credit,,,,",
        f"1,S,entry,2022-04-19,{amount},CNY,debit,,B-9,,a transfer",
        f"1,S,closing,2022-04-19,{amount},CNY,debit,,,,",
    ]
    return "\r\n".join(rows).encode()


async def registered(story: Story) -> str:
    """Charities, sponsors, platforms, tokens and sessions come, are changed, and go; return the sponsor."""
    await story.gives("charity.create", "cat")
    for name in ("charity.change", "charity.disable", "charity.enable"):
        await story.gives(name, "cat", charity="mountain-reading")
    await story.gives("charity.account", "fay", charity="mountain-reading")
    await story.gives("charity.account", "fay", charity="village-schools")
    sponsor = str((await story.gives("sponsor.create", "cat"))["after"]["sponsor"])
    for name in ("sponsor.change", "sponsor.disable", "sponsor.enable"):
        await story.gives(name, "cat", sponsor=sponsor)
    await story.gives("platform.add", "olga")
    for name in ("rotate", "key", "drop-old", "disable", "enable"):
        await story.gives(f"platform.{name}", "olga", platform="short-videos")
    await story.gives("token.create", "olga")
    await story.gives("token.revoke", "olga", name="ann")
    for person in ("cat", "fay"):
        await Visitor(story.own, story.own.http).signs_in(person)
    await story.gives("session.end", "olga", name="fay")
    return sponsor


async def enrolled(story: Story) -> str:
    """Content is enrolled, paused, resumed and removed, some of it as a file; return an upload."""
    for name in ("enrol", "pause", "resume", "remove"):
        await story.gives(f"content.{name}", "cat", slug=SLUG)
    upload = str((await story.gives("content.enrol_file", "cat", slug=SLUG))["after"]["upload"])
    await story.gives("upload.stop", "cat", upload=upload)
    await story.gives("content.remove_file", "cat", slug=SLUG)
    await Clerk(story.own, "cat").gives(f"{OWN}/content/enrol", {"contents": ["3431182"]})
    return upload
