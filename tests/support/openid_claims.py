"""What the tests' provider tells of its people, and its addresses: read by Django when `openid_provider` runs."""

from typing import Any, ClassVar

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from oauth2_provider.models import Application
from oauth2_provider.oauth2_validators import OAuth2Validator

from openid_provider import PEOPLE


class Claims(OAuth2Validator):
    """Names and groups in the ID token itself."""

    oidc_claim_scope: ClassVar[dict[str, str] | None] = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        """Return the claims beside those of the standard."""
        name = request.user.get_username()
        return {"preferred_username": name, "realm": {"groups": PEOPLE[name]}}


def redirect_to(request: HttpRequest) -> HttpResponse:
    """Have the client's browsers sent back to another address."""
    Application.objects.update(redirect_uris=request.GET["redirect_uri"])
    return HttpResponse("")


urlpatterns = [
    path("login", LoginView.as_view()),
    path("client", redirect_to),
    path("o/", include("oauth2_provider.urls")),
]
