"""The routes of the administration's pages."""

from aiohttp import web

from ops.http.admin_web import command_links
from ops.http.admin_web.context import page_handler
from ops.http.admin_web.pages import (
    campaigns,
    command,
    lists,
    openid_sign_in,
    result,
    review,
    review_bulk,
    settlements,
    sign_in,
)


def routes() -> list[web.RouteDef]:
    """Return every route; the lists come last because their path matches any name."""
    get_pages = {
        "": campaigns.show_home,
        "/campaigns": campaigns.show_campaigns,
        "/campaigns/new": command.show_form(command_links.CREATE_CAMPAIGN),
        "/campaigns/{slug}": campaigns.show_campaign,
        "/campaigns/{slug}/terms": command.show_form(command_links.NEW_TERMS),
        "/proposals": campaigns.show_proposals,
        "/proposals/{proposal}": campaigns.show_proposal,
        "/answers/{key}": result.show_result,
        "/settlements/{settlement}": settlements.show_settlement,
        "/review": review.show_queue,
        "/review/cases/{case}": review.show_case,
        "/payouts/{payout}": settlements.redirect_to_settlement,
        r"/do/{command:settlement\.(?:approve|cancel|send)}/{subject:.+}": settlements.show_settlement_command,
        "/do/{command}": command.show_form(),
        "/do/{command}/{subject:.+}": command.show_form(),
        r"/{list:[a-z-]+(?:/[a-z-]+)?}.csv": lists.export_csv,
        r"/{list:[a-z-]+(?:/[a-z-]+)?}": lists.show_list,
    }
    post_pages = {
        "/review": review_bulk.decide_selected,
        "/sign-out": sign_in.sign_out,
        "/campaigns/new": command.submit_form(command_links.CREATE_CAMPAIGN),
        "/campaigns/{slug}/terms": command.submit_form(command_links.NEW_TERMS),
        "/do/{command}": command.submit_form(),
        "/do/{command}/{subject:.+}": command.submit_form(),
    }
    return [
        web.get("/admin/sign-in", sign_in.show_sign_in),
        web.post("/admin/sign-in", sign_in.sign_in),
        *openid_sign_in.routes(),
        *(web.get(f"/admin{path}", page_handler(page)) for path, page in get_pages.items()),
        *(web.post(f"/admin{path}", page_handler(page)) for path, page in post_pages.items()),
    ]
