"""Apply a promise: create a campaign, or add a version of its terms.

`plan_promise` decides and is pure.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple
from zoneinfo import ZoneInfo

from campaigns.authenticity.ruleset import default_file
from campaigns.catalogue import charities, sponsors
from campaigns.catalogue.cache import Campaign, lock_and_bump_version, read_campaigns
from campaigns.catalogue.rulesets import SHIPPED_BY, Application, store_ruleset
from campaigns.errors import CampaignClosed, FieldError, PromiseRefused
from campaigns.promise.bank_account import BankAccount
from campaigns.promise.calendar import AHEAD_MAX, local_day
from campaigns.promise.diff import FieldChange, FieldValue, diff_promises
from campaigns.promise.model import (
    Promise,
    PromiseTerms,
    canonical_json,
    default_policy,
    engine_terms,
    immutable_part,
)
from ledger.accounting.journal import Account, open_accounts
from ledger.errors import Param
from ledger.log.account_hash import hash_promise_accounts, list_accounts
from ledger.publication.account_salts import ensure_salts
from ledger.publication.outbox import enqueue_leaf
from sql import Connection, query

_ADD_CAMPAIGN = query("add_campaign")
_CREATE_LIKES_PARTITION = query("create_likes_partition")
_ADD_TERMS = query("add_terms")
_LOCK_CAMPAIGN = query("lock_campaign")


class PromiseAction(StrEnum):
    """The kind of change that a promise makes."""

    CREATE = "create"
    NEW_TERMS = "new_terms"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Plan:
    """The effect of a promise: the newest version of the terms afterwards, and its first day."""

    action: PromiseAction
    version: int
    from_day: date
    changes: list[FieldChange]


class ApplyResult(NamedTuple):
    """The plan that was carried out, and the campaign after it."""

    plan: Plan
    campaign: Campaign


def current_promise(campaign: Campaign) -> Promise:
    """Return the promise in force, with the newest version of its terms. Pure."""
    fixed = campaign.promise
    return Promise(
        campaign=fixed.campaign,
        terms=campaign.versions[-1],
        settlement=fixed.settlement,
        agreement=fixed.agreement,
        authenticity=fixed.authenticity,
    )


def complete_promise(existing: Campaign | None, promise: Promise) -> Promise:
    """Return the promise with its section `authenticity`: left out, it is the default, or unchanged. Pure."""
    if promise.authenticity is not None:
        return promise
    policy = existing.promise.authenticity if existing else default_policy(promise.campaign.hold_days)
    return promise.model_copy(update={"authenticity": policy})


def plan_promise(existing: Campaign | None, promise: Promise, now: datetime, from_day: date | None = None) -> Plan:
    """Return the plan that applying the promise would carry out. Pure.

    New terms start on `from_day`, by default on the first day that is possible. Raises
    CampaignClosed if the campaign is closed, PromiseRefused if the promise does not fit.
    """
    promise = complete_promise(existing, promise)
    if existing is None:
        return _plan_campaign(promise, from_day)
    if existing.closed_at is not None:
        raise CampaignClosed(existing.slug)
    changes = diff_promises(current_promise(existing), promise)
    immutable = [_immutable_error(change) for change in changes if not change.path.startswith("terms.")]
    if immutable:
        raise PromiseRefused(immutable)
    newest = existing.terms[-1]
    if changes:
        first_day = _choose_from_day(existing, now, from_day)
        return Plan(PromiseAction.NEW_TERMS, newest.version + 1, first_day, changes)
    if from_day is not None and from_day < newest.from_day:
        raise PromiseRefused([FieldError("from_day", "terms_already_in_force", {"day": newest.from_day})])
    return Plan(PromiseAction.NOTHING, newest.version, newest.from_day, [])


def _plan_campaign(promise: Promise, from_day: date | None) -> Plan:
    first_day = local_day(promise.campaign.starts_at, ZoneInfo(promise.campaign.timezone))
    if from_day not in (None, first_day):
        raise PromiseRefused([FieldError("from_day", "first_terms_start_first_day", {"day": first_day})])
    return Plan(PromiseAction.CREATE, 1, first_day, diff_promises(None, promise))


def _choose_from_day(campaign: Campaign, now: datetime, requested_day: date | None) -> date:
    """Return the first day of new terms, never before that of the terms that they replace."""
    earliest, last = max(_first_free_day(campaign, now), campaign.terms[-1].from_day), campaign.calendar.days[-1]
    if requested_day is None:
        return earliest
    if not earliest <= requested_day <= last:
        days = {"requested_day": requested_day, "earliest_day": earliest, "last_day": last}
        raise PromiseRefused([FieldError("from_day", "from_day_out_of_range", days)])
    return requested_day


def _immutable_error(change: FieldChange) -> FieldError:
    """Return the error of a value that differs outside the terms."""
    match change.before, change.after:
        case None, after:
            values = {"after": _as_param(after)}
            return FieldError(change.path, "immutable_value_added", values)
        case before, None:
            return FieldError(change.path, "immutable_value_missing", {"before": _as_param(before)})
        case int(before), int(after) if change.currency:
            amounts: dict[str, Param] = {"before_minor": before, "after_minor": after}
            currencies = {"before_currency": change.old_currency, "after_currency": change.currency}
            return FieldError(change.path, "immutable_amount", amounts | currencies)
        case before, after:
            values = {"before": _as_param(before), "after": _as_param(after)}
            return FieldError(change.path, "immutable_value", values)


def _as_param(value: FieldValue | None) -> Param:
    """Return a value of a promise as a refusal names it; an absent one is the empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, date) else value


def _first_free_day(campaign: Campaign, now: datetime) -> date:
    """Return the first campaign day that cannot have a like yet.

    Raises PromiseRefused if no day is left.
    """
    following, last = _following_day(campaign, now), campaign.calendar.days[-1]
    if following > last:
        raise PromiseRefused([FieldError("terms", "terms_after_last_day", {"day": following, "last_day": last})])
    return following


def _following_day(campaign: Campaign, now: datetime) -> date:
    """Return the first day that cannot have a like yet. A like's time may be minutes ahead."""
    newest_like = now + AHEAD_MAX
    if newest_like < campaign.promise.campaign.starts_at:
        return campaign.calendar.days[0]
    return local_day(newest_like, campaign.calendar.timezone) + timedelta(days=1)


async def apply_promise(
    conn: Connection, promise: Promise, now: datetime, *, pseudonym_key: bytes, from_day: date | None = None
) -> ApplyResult:
    """Create the campaign or add a version of its terms; the same promise again changes nothing.

    Raises PromiseRefused if a fixed value differs, or if the register of charities or sponsors
    disagrees. Raises CampaignClosed if the campaign is closed. A masked account stands for the
    registered one. Joins the caller's transaction.
    """
    await lock_and_bump_version(conn)
    promise = promise.model_copy(update={"terms": await charities.complete_accounts(conn, promise.terms)})
    existing = (await read_campaigns(conn, pseudonym_key)).get(promise.campaign.slug)
    promise = complete_promise(existing, promise)
    plan = plan_promise(existing, promise, now, from_day)
    if plan.action is not PromiseAction.NOTHING:
        await charities.ensure_charities(conn, promise.terms.beneficiaries)
    if existing is None:
        await sponsors.ensure_sponsor(conn, promise.campaign.sponsor)
        campaign_id = await _create_campaign(conn, promise)
        await _add_terms(conn, campaign_id, promise, plan)
        if promise.authenticity is not None and promise.authenticity.rules == "standard":
            shipped = Application(default_file(), SHIPPED_BY, now)
            await store_ruleset(conn, campaign_id, promise.campaign.slug, shipped)
    elif plan.action is PromiseAction.NOTHING:
        return ApplyResult(plan, existing)
    else:
        as_first_promised = current_promise(existing).model_copy(update={"terms": promise.terms})
        await _add_terms(conn, existing.campaign_id, as_first_promised, plan)
    return ApplyResult(plan, (await read_campaigns(conn, pseudonym_key))[promise.campaign.slug])


async def update_beneficiary_account(
    conn: Connection, campaign: Campaign, charity: str, account: BankAccount, now: datetime
) -> None:
    """Add a version of an open campaign's terms that pays the charity to another account.

    Does nothing if the newest terms do not name the charity. A campaign past its last day gets
    the version too, for money that is still to be settled: it starts on the day after the last,
    on which no like falls. Joins the caller's transaction.
    """
    before, newest = current_promise(campaign), campaign.terms[-1]
    beneficiaries = [
        beneficiary.model_copy(update={"account": account} if beneficiary.charity == charity else {})
        for beneficiary in before.terms.beneficiaries
    ]
    terms = before.terms.model_copy(update={"beneficiaries": beneficiaries})
    if terms == before.terms:
        return
    day_after_last = campaign.calendar.days[-1] + timedelta(days=1)
    from_day = max(min(_following_day(campaign, now), day_after_last), newest.from_day)
    after = before.model_copy(update={"terms": terms})
    plan = Plan(PromiseAction.NEW_TERMS, newest.version + 1, from_day, diff_promises(before, after))
    await _add_terms(conn, campaign.campaign_id, after, plan)


async def _create_campaign(conn: Connection, promise: Promise) -> int:
    """Store the campaign, its partition of likes and its accounts; return its id."""
    campaign = promise.campaign
    fixed = canonical_json(immutable_part(promise)).decode()
    row = campaign.slug, fixed, campaign.currency, campaign.floor_minor
    campaign_id = int(await conn.fetchval(_ADD_CAMPAIGN, *row))
    await conn.execute(_CREATE_LIKES_PARTITION, campaign_id)
    world = Account("world", campaign.currency)
    accounts = (Account(kind, campaign.currency, campaign.slug) for kind in ("budget", "pledged"))
    await open_accounts(conn, [world, *accounts])
    return campaign_id


async def _add_terms(conn: Connection, campaign_id: int, promise: Promise, plan: Plan) -> None:
    """Store a version and enqueue its leaf.

    The leaf has the full promise, so that it stands alone; salted hashes replace account numbers.
    """
    terms = engine_terms(promise.terms, plan.version, plan.from_day)
    text = canonical_json(promise.terms).decode()
    rate = terms.amount_minor, terms.per_likes
    limits = terms.daily_cap_minor, terms.likes_per_person_per_day, terms.quality_from
    await conn.execute(_ADD_TERMS, campaign_id, plan.version, plan.from_day, text, *rate, *limits)
    slug, promised = promise.campaign.slug, promise.model_dump(mode="json", exclude_none=True)
    salts = await ensure_salts(conn, list_accounts(promised))
    body = {
        "campaign": slug,
        "version": plan.version,
        "from_day": plan.from_day.isoformat(),
        "promise": hash_promise_accounts(promised, salts),
    }
    await enqueue_leaf(conn, "terms", f"terms/{slug}/{plan.version}", body)


def needs_approval_because(before: PromiseTerms, after: PromiseTerms) -> str | None:
    """Return why new terms need a second person's approval. Pure.

    None: they cost the sponsor no more and pay nobody else.
    """
    if _rate(after) > _rate(before):
        return "more for a like"
    if _is_raised(before.daily_cap_minor, after.daily_cap_minor):
        return "more on a day"
    if _is_raised(before.likes_per_person_per_day, after.likes_per_person_per_day):
        return "more likes of a person"
    if after.quality_from < before.quality_from:
        return "likes of lower quality"
    return "other beneficiaries" if before.beneficiaries != after.beneficiaries else None


def _rate(terms: PromiseTerms) -> Fraction:
    return Fraction(terms.rate.amount_minor, terms.rate.per_likes)


def _is_raised(before: int | None, after: int | None) -> bool:
    """Return whether a limit lets more through than before; None is no limit."""
    return before is not None and (after is None or after > before)


async def lock_open_campaign(conn: Connection, campaign: Campaign) -> None:
    """Lock the campaign until the transaction ends. Raises CampaignClosed if it is closed.

    Joins the caller's transaction.
    """
    if await conn.fetchval(_LOCK_CAMPAIGN, campaign.campaign_id) is not None:
        raise CampaignClosed(campaign.slug)
