"""The likes that a platform asks about, named by its own ids: read from a body, found in campaigns. Pure."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypeVar

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from campaigns.catalogue.cache import Campaign, Catalogue
from campaigns.errors import FieldError
from campaigns.intake.delivery_body import LIKES_MAX, CampaignSlug, Moment, Person
from campaigns.intake.payload import InvalidEnvelope, UnreadableBody, find_repeated_key
from campaigns.promise.model import Content
from campaigns.promise.toml_file import field_errors

BodyT = TypeVar("BodyT", bound=Mapping[str, Any])

MESSAGE_CHARS_MAX = 1_000
# No controls but tabs and ends of lines, nor those that turn the text's direction; not only spaces.
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069"
_MESSAGE_PATTERN = rf"^[^{_CONTROLS}]*[^\s{_CONTROLS}][^{_CONTROLS}]*$"
STRICT = ConfigDict(strict=True, extra="forbid")


@with_config(STRICT)
class AskedLike(TypedDict):
    """A like that the platform delivered; `campaign` may be missing if the content is enrolled in one."""

    campaign: NotRequired[CampaignSlug]
    content: Content
    person: Person


@with_config(STRICT)
class StatusLikes(TypedDict):
    """The `data` member of a request for the status of likes."""

    likes: Annotated[list[AskedLike], Field(max_length=LIKES_MAX)]


@with_config(STRICT)
class StatusBody(TypedDict):
    """A request for the status of likes."""

    type: Literal["likes.status"]
    timestamp: Moment
    data: StatusLikes


@with_config(STRICT)
class AppealedLike(AskedLike):
    """A like with what its person says, for the reviewer."""

    message: Annotated[str, Field(min_length=1, max_length=MESSAGE_CHARS_MAX, pattern=_MESSAGE_PATTERN)]


@with_config(STRICT)
class AppealedLikes(TypedDict):
    """The `data` member of a request to appeal."""

    likes: Annotated[list[AppealedLike], Field(max_length=LIKES_MAX)]


@with_config(STRICT)
class AppealBody(TypedDict):
    """A request to appeal for likes. The address says what it asks; `type` may be any word, as `likes.appeal`."""

    type: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z._-]+$")]
    timestamp: Moment
    data: AppealedLikes


class FoundLike(NamedTuple):
    """A like that was asked about: its number in the request, and its key in the campaign."""

    number: int
    content: str
    person: bytes  # the pseudonym


_STATUS_BODY = TypeAdapter(StatusBody)
_APPEAL_BODY = TypeAdapter(AppealBody)


def parse_status_body(body: bytes) -> list[AskedLike]:
    """Return the likes of a request for their status. Raises UnreadableBody or InvalidEnvelope."""
    return parse_asked(_STATUS_BODY, body)["data"]["likes"]


def parse_appeal_body(body: bytes) -> list[AppealedLike]:
    """Return the likes of a request to appeal. Raises UnreadableBody or InvalidEnvelope."""
    return parse_asked(_APPEAL_BODY, body)["data"]["likes"]


def parse_asked(adapter: TypeAdapter[BodyT], body: bytes) -> BodyT:
    """Return a body of likes, refused whole. Raises UnreadableBody or InvalidEnvelope."""
    try:
        likes_body = adapter.validate_json(body)
    except ValidationError as error:
        if error.errors(include_url=False, include_input=False)[0]["type"] == "json_invalid":
            raise UnreadableBody("the body is not JSON") from None
        raise InvalidEnvelope(field_errors(error, "the body")) from None
    if repeated := find_repeated_key(body):
        raise InvalidEnvelope([FieldError(repeated, "repeated_member")])
    return likes_body


def find_likes(
    likes: Sequence[Mapping[str, Any]], platform: str, catalogue: Catalogue
) -> dict[int, tuple[Campaign, list[FoundLike]]]:
    """Return the likes by campaign_id, without those that name no campaign that exists.

    A pseudonym belongs to one platform, so a platform finds only likes that it delivered.
    """
    members_by_campaign: dict[int, tuple[Campaign, list[FoundLike]]] = {}
    for number, like in enumerate(likes):
        campaign = _find_campaign(like, catalogue)
        if campaign is not None:
            person = campaign.pseudonymiser(platform)(like["person"])
            members = members_by_campaign.setdefault(campaign.campaign_id, (campaign, []))[1]
            members.append(FoundLike(number, like["content"], person))
    return members_by_campaign


def _find_campaign(like: Mapping[str, Any], catalogue: Catalogue) -> Campaign | None:
    slug = like.get("campaign")
    if slug is not None:
        return catalogue.campaigns.get(slug)
    return catalogue.campaigns_by_id.get(catalogue.enrolments.get(like["content"], 0))
