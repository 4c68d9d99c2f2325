"""The one table of endpoints: every public path, with its handler and its description."""

from functools import cache
from typing import Any

from ops.http.api import admin_endpoints, appeals, health, intake, like_status, log, open_data, payout_callbacks
from ops.http.openapi.document import build_document
from ops.http.openapi.endpoint import Endpoint
from ops.http.web import endpoints as web_endpoints

ENDPOINTS: tuple[Endpoint, ...] = (
    *intake.ENDPOINTS,
    *like_status.ENDPOINTS,
    *appeals.ENDPOINTS,
    *payout_callbacks.ENDPOINTS,
    *open_data.ENDPOINTS,
    *log.ENDPOINTS,
    *web_endpoints.ENDPOINTS,
    *open_data.OPENAPI_ENDPOINTS,
    *health.ENDPOINTS,
    *admin_endpoints.ENDPOINTS,
)


def document() -> dict[str, Any]:
    """Return the service's OpenAPI document; the same object each time."""
    return _document()


@cache
def _document() -> dict[str, Any]:
    return build_document(ENDPOINTS)
