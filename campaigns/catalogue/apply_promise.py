"""A campaign's promise: made, and given new terms. What decides is pure; `apply` joins the caller's transaction."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.catalogue import charities, sponsors
from campaigns.catalogue.cache import Campaign, lock_and_bump_version, read_campaigns
from campaigns.errors import CampaignClosed, FieldError, PromiseRefused
from campaigns.promise.calendar import AHEAD_MAX, local_day
from campaigns.promise.diff import FieldChange, diff_promises
from campaigns.promise.model import BankAccount, Promise, PromiseTerms, canonical_json, engine_terms, immutable_part
from ledger.accounting.journal import Account, open_accounts
from ledger.publication.outbox import enqueue_leaf
from sql import Connection, query

_ADD_CAMPAIGN = query("add_campaign")
_CREATE_LIKES_PARTITION = query("create_likes_partition")
_ADD_TERMS = query("add_terms")
_LOCK_CAMPAIGN = query("lock_campaign")


class PromiseAction(StrEnum):
    """What applying a promise comes to."""

    CREATE = "create"
    NEW_TERMS = "new_terms"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Plan:
    """What applying a promise does: which version of the terms it leaves as the newest, in force from which day."""

    action: PromiseAction
    version: int
    from_day: date
    changes: list[FieldChange]


class ApplyResult(NamedTuple):
    """What was done, and the campaign as it stands now."""

    plan: Plan
    campaign: Campaign


def current_promise(campaign: Campaign) -> Promise:
    """Return the promise as it stands, under the newest version of its terms."""
    own = campaign.promise
    return Promise(
        campaign=own.campaign, terms=campaign.versions[-1], settlement=own.settlement, agreement=own.agreement
    )


def plan_promise(existing: Campaign | None, promise: Promise, now: datetime, from_day: date | None = None) -> Plan:
    """Return what applying the promise would do. PromiseRefused or Closed where it cannot be.

    New terms hold from `from_day`; where none is given, from the first day that they can.
    """
    if existing is None:
        first_day = local_day(promise.campaign.starts_at, ZoneInfo(promise.campaign.timezone))
        if from_day not in (None, first_day):
            raise PromiseRefused(
                [FieldError("from_day", f"the first terms hold from the campaign's first day, {first_day}")]
            )
        return Plan(PromiseAction.CREATE, 1, first_day, diff_promises(None, promise))
    if existing.closed_at is not None:
        raise CampaignClosed(existing.slug)
    changes = diff_promises(current_promise(existing), promise)
    unchangeable = [c for c in changes if not c.path.startswith("terms.")]
    if unchangeable:
        raise PromiseRefused([_immutable_error(c) for c in unchangeable])
    newest = existing.terms[-1]
    if not changes:
        if from_day is not None and from_day < newest.from_day:
            raise PromiseRefused(
                [FieldError("from_day", f"these terms were given already, from {newest.from_day} on")]
            )
        return Plan(PromiseAction.NOTHING, newest.version, newest.from_day, [])
    return Plan(PromiseAction.NEW_TERMS, newest.version + 1, _choose_from_day(existing, now, from_day), changes)


def _choose_from_day(campaign: Campaign, now: datetime, requested_day: date | None) -> date:
    """Return from which day new terms hold: never before the newest ones, which they take the place of."""
    earliest, last = max(_first_free_day(campaign, now), campaign.terms[-1].from_day), campaign.calendar.days[-1]
    if requested_day is None:
        return earliest
    if not earliest <= requested_day <= last:
        reason = f"{requested_day} cannot be: the earliest possible day is {earliest}, the campaign's last one {last}"
        raise PromiseRefused([FieldError("from_day", reason)])
    return requested_day


def _immutable_error(change: FieldChange) -> FieldError:
    reason = f"it is {change.before or 'left out'} and cannot change once the campaign exists"
    return FieldError(change.path, f"{reason}; the file says {change.after or 'nothing'}")


def _first_free_day(campaign: Campaign, now: datetime) -> date:
    """Return the first campaign day that no like can have fallen on yet. PromiseRefused: there is none left."""
    following, last = _following_day(campaign, now), campaign.calendar.days[-1]
    if following > last:
        raise PromiseRefused([FieldError("terms", f"new terms would hold from {following}, the last day is {last}")])
    return following


def _following_day(campaign: Campaign, now: datetime) -> date:
    """Return the first day that no like can have fallen on yet: a like may be some minutes ahead."""
    newest_like = now + AHEAD_MAX
    if newest_like < campaign.promise.campaign.starts_at:
        return campaign.calendar.days[0]
    return local_day(newest_like, campaign.calendar.timezone) + timedelta(days=1)


async def apply_promise(
    conn: Connection, promise: Promise, now: datetime, *, pseudonym_key: bytes, from_day: date | None = None
) -> ApplyResult:
    """Make the campaign, or give it new terms; the same promise again changes nothing.

    PromiseRefused names what cannot change any more, or what the registers of charities and sponsors do not
    allow; Closed: nothing can change.
    """
    await lock_and_bump_version(conn)
    existing = (await read_campaigns(conn, pseudonym_key)).get(promise.campaign.slug)
    done = plan_promise(existing, promise, now, from_day)
    if done.action is not PromiseAction.NOTHING:
        await charities.ensure_charities(conn, promise.terms.beneficiaries)
    if existing is None:
        await sponsors.ensure_sponsor(conn, promise.campaign.sponsor)
        await _add_terms(conn, await _create_campaign(conn, promise), promise, done)
    elif done.action is PromiseAction.NOTHING:
        return ApplyResult(done, existing)
    else:
        as_first_promised = current_promise(existing).model_copy(update={"terms": promise.terms})
        await _add_terms(conn, existing.campaign_id, as_first_promised, done)
    return ApplyResult(done, (await read_campaigns(conn, pseudonym_key))[promise.campaign.slug])


async def update_beneficiary_account(
    conn: Connection, campaign: Campaign, charity: str, account: BankAccount, now: datetime
) -> None:
    """Give an open campaign the terms that it has, but for a charity's account; one that does not name it, nothing.

    After the last day too, for what is to be settled still: such terms hold from the day behind it, on which no
    like falls.
    """
    before, newest = current_promise(campaign), campaign.terms[-1]
    named = [
        b.model_copy(update={"account": account} if b.charity == charity else {}) for b in before.terms.beneficiaries
    ]
    terms = before.terms.model_copy(update={"beneficiaries": named})
    if terms == before.terms:
        return
    after_all = campaign.calendar.days[-1] + timedelta(days=1)
    from_day = max(min(_following_day(campaign, now), after_all), newest.from_day)
    wanted = before.model_copy(update={"terms": terms})
    done = Plan(PromiseAction.NEW_TERMS, newest.version + 1, from_day, diff_promises(before, wanted))
    await _add_terms(conn, campaign.campaign_id, wanted, done)


async def _create_campaign(conn: Connection, promise: Promise) -> int:
    own = promise.campaign
    kept = canonical_json(immutable_part(promise)).decode()
    campaign_id = int(await conn.fetchval(_ADD_CAMPAIGN, own.slug, kept, own.currency, own.floor_minor))
    await conn.execute(_CREATE_LIKES_PARTITION, campaign_id)
    world = Account("world", own.currency)
    await open_accounts(conn, [world, *(Account(kind, own.currency, own.slug) for kind in ("budget", "pledged"))])
    return campaign_id


async def _add_terms(conn: Connection, campaign_id: int, promise: Promise, plan: Plan) -> None:
    """Store a version and tell the log: the promise in full, so that each such leaf stands alone."""
    terms = engine_terms(promise.terms, plan.version, plan.from_day)
    text = canonical_json(promise.terms).decode()
    rate = terms.amount_minor, terms.per_likes
    limits = terms.daily_cap_minor, terms.likes_per_person_per_day
    await conn.execute(_ADD_TERMS, campaign_id, plan.version, plan.from_day, text, *rate, *limits)
    slug = promise.campaign.slug
    body = {
        "campaign": slug,
        "version": plan.version,
        "from_day": plan.from_day.isoformat(),
        "promise": promise.model_dump(mode="json", exclude_none=True),
    }
    await enqueue_leaf(conn, "terms", f"terms/{slug}/{plan.version}", body)


def needs_approval_because(before: PromiseTerms, after: PromiseTerms) -> str | None:
    """Return why new terms take a second person; None: they ask no more of the sponsor and pay nobody else. Pure."""
    if Fraction(after.rate.amount_minor, after.rate.per_likes) > Fraction(
        before.rate.amount_minor, before.rate.per_likes
    ):
        return "more for a like"
    if _is_raised(before.daily_cap_minor, after.daily_cap_minor):
        return "more on a day"
    if _is_raised(before.likes_per_person_per_day, after.likes_per_person_per_day):
        return "more likes of a person"
    return "other beneficiaries" if before.beneficiaries != after.beneficiaries else None


def _is_raised(before: int | None, after: int | None) -> bool:
    """Tell whether a limit, where None is no limit, lets more through."""
    return before is not None and (after is None or after > before)


async def lock_open_campaign(conn: Connection, campaign: Campaign) -> None:
    """Lock the campaign until the transaction ends; Closed where it is."""
    if await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id) is not None:
        raise CampaignClosed(campaign.slug)
