"""Claims and URLs of the tests' OpenID provider; loaded by Django in `openid_provider`."""

from typing import Any, ClassVar

from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse
from django.urls import include, path
from oauth2_provider.models import Application
from oauth2_provider.oauth2_validators import OAuth2Validator

from openid_provider import PEOPLE


class Claims(OAuth2Validator):
    """Puts names and groups into the ID token."""

    oidc_claim_scope: ClassVar[dict[str, str] | None] = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        """Return the claims beyond the standard ones."""
        name = request.user.get_username()
        return {"preferred_username": name, "realm": {"groups": PEOPLE[name]}}


def redirect_to(request: HttpRequest) -> HttpResponse:
    """Set the client's redirect URI."""
    Application.objects.update(redirect_uris=request.GET["redirect_uri"])
    return HttpResponse("")


urlpatterns = [
    path("login", LoginView.as_view()),
    path("client", redirect_to),
    path("o/", include("oauth2_provider.urls")),
]
