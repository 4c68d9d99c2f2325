"""The administration's pages and where they are."""

from aiohttp import web

from ops.http.admin_pages import answering, giving, lists, looking, named, openid, settled, signing
from ops.http.admin_pages.visit import visited


def routes() -> list[web.RouteDef]:
    """Return every page's route; a list's place is taken last, by whatever is no page of its own."""
    shown = {
        "": looking.home,
        "/campaigns": looking.campaigns,
        "/campaigns/new": giving.draw(named.CREATE),
        "/campaigns/{slug}": looking.campaign,
        "/campaigns/{slug}/terms": giving.draw(named.TERMS),
        "/proposals": looking.proposals,
        "/proposals/{proposal}": looking.proposal,
        "/answers/{key}": answering.answer,
        "/settlements/{settlement}": settled.settlement,
        "/payouts/{payout}": settled.of_payout,
        r"/do/{command:settlement\.(?:approve|cancel|send)}/{of:.+}": settled.asked,
        "/do/{command}": giving.draw(),
        "/do/{command}/{of:.+}": giving.draw(),
        r"/{listing:[a-z-]+}.csv": lists.saved,
        "/{listing}": lists.listed,
    }
    given = {
        "/sign-out": signing.end,
        "/campaigns/new": giving.give(named.CREATE),
        "/campaigns/{slug}/terms": giving.give(named.TERMS),
        "/do/{command}": giving.give(),
        "/do/{command}/{of:.+}": giving.give(),
    }
    return [
        web.get("/admin/sign-in", signing.ask),
        web.post("/admin/sign-in", signing.begin),
        *openid.routes(),
        *(web.get(f"/admin{path}", visited(page)) for path, page in shown.items()),
        *(web.post(f"/admin{path}", visited(page)) for path, page in given.items()),
    ]
