"""The administration's pages and where they are."""

from aiohttp import web

from ops.http.admin_web import command_links
from ops.http.admin_web.context import visited
from ops.http.admin_web.pages import campaigns, command, lists, openid_sign_in, result, settlements, sign_in


def routes() -> list[web.RouteDef]:
    """Return every page's route; a list's place is taken last, by whatever is no page of its own."""
    shown = {
        "": campaigns.home,
        "/campaigns": campaigns.campaigns,
        "/campaigns/new": command.draw(command_links.CREATE),
        "/campaigns/{slug}": campaigns.campaign,
        "/campaigns/{slug}/terms": command.draw(command_links.TERMS),
        "/proposals": campaigns.proposals,
        "/proposals/{proposal}": campaigns.proposal,
        "/answers/{key}": result.answer,
        "/settlements/{settlement}": settlements.settlement,
        "/payouts/{payout}": settlements.of_payout,
        r"/do/{command:settlement\.(?:approve|cancel|send)}/{of:.+}": settlements.asked,
        "/do/{command}": command.draw(),
        "/do/{command}/{of:.+}": command.draw(),
        r"/{listing:[a-z-]+}.csv": lists.saved,
        "/{listing}": lists.listed,
    }
    given = {
        "/sign-out": sign_in.end,
        "/campaigns/new": command.give(command_links.CREATE),
        "/campaigns/{slug}/terms": command.give(command_links.TERMS),
        "/do/{command}": command.give(),
        "/do/{command}/{of:.+}": command.give(),
    }
    return [
        web.get("/admin/sign-in", sign_in.ask),
        web.post("/admin/sign-in", sign_in.begin),
        *openid_sign_in.routes(),
        *(web.get(f"/admin{path}", visited(page)) for path, page in shown.items()),
        *(web.post(f"/admin{path}", visited(page)) for path, page in given.items()),
    ]
