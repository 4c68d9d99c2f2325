"""A real OpenID Connect provider for tests: django-oauth-toolkit on loopback.

`python tests/support/openid_provider.py` prints the issuer's address and serves until stopped. It
requires PKCE and the client's secret. Each person's password is their name. `/client` sets the
redirect URI.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

CLIENT_ID, SECRET = "like-ledger", "a secret: with / and %"
PEOPLE = {
    "ida": ["finance", "everybody"],
    "fay": ["finance"],
    "nobody": ["everybody"],
    "two": ["finance", "owner"],
    "admin": ["owner"],
}
LOGIN = """<!doctype html><title>Provider</title><form method="post" action="">{% csrf_token %}{{ form.as_p }}
<input type="hidden" name="next" value="{{ next }}"><button>Log in</button></form>"""


@contextmanager
def running_provider() -> Iterator[str]:
    """Yield the issuer of a provider with one client."""
    with Popen([sys.executable, __file__], stdout=PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _configure(folder: str, issuer: str) -> None:
    """Configure Django: a database in a file, a fresh key, the people's claims."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only the provider's own process has it
    from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415
    from django.conf import settings  # noqa: PLC0415

    key = rsa.generate_private_key(65537, 2048)
    parts = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    apps = ("auth", "contenttypes", "sessions")
    middleware = ("sessions.middleware.SessionMiddleware", "auth.middleware.AuthenticationMiddleware")
    options: dict[str, Any] = {
        "DATABASES": {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{folder}/provider.sqlite"}},
        "INSTALLED_APPS": [*(f"django.contrib.{app}" for app in apps), "oauth2_provider"],
        "MIGRATION_MODULES": dict.fromkeys((*apps, "oauth2_provider")),  # tables from the models: faster
        "MIDDLEWARE": [f"django.contrib.{name}" for name in middleware],
        "PASSWORD_HASHERS": [
            "django.contrib.auth.hashers.MD5PasswordHasher"
        ],  # fast: these passwords protect nothing
        "OAUTH2_PROVIDER": {
            "OIDC_ENABLED": True,
            "OIDC_ISS_ENDPOINT": issuer,
            "OIDC_RSA_PRIVATE_KEY": key.private_bytes(*parts).decode(),
            "OAUTH2_VALIDATOR_CLASS": "openid_claims.Claims",
            "SCOPES": {name: name for name in ("openid", "profile", "email")},
            "PKCE_REQUIRED": True,
        },
    }
    templates = [("django.template.loaders.locmem.Loader", {"registration/login.html": LOGIN})]
    engine = {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": False,
        "OPTIONS": {"loaders": templates, "context_processors": ["django.template.context_processors.request"]},
    }
    settings.configure(
        SECRET_KEY=os.urandom(32).hex(),
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF="openid_claims",
        LOGIN_URL="/login",
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        TEMPLATES=[engine],
        **options,
    )


def _create_people() -> None:
    """Create the tables, the people and the client."""
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from oauth2_provider.models import Application  # noqa: PLC0415

    call_command("migrate", run_syncdb=True, verbosity=0)
    for name in PEOPLE:
        User.objects.create_user(name, f"{name}@example.org", name)
    Application.objects.create(
        client_id=CLIENT_ID,
        client_secret=SECRET,
        name="like-ledger",
        client_type="confidential",
        authorization_grant_type="authorization-code",
        redirect_uris="",
        algorithm="RS256",
        skip_authorization=True,
    )


class SilentRequestHandler(WSGIRequestHandler):
    """Logs no requests: they contain codes."""

    def log_message(self, *_: Any) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until the process is terminated."""
    with tempfile.TemporaryDirectory(prefix="like-ledger-openid-") as folder:
        server = make_server("127.0.0.1", 0, lambda *_: [], handler_class=SilentRequestHandler)
        issuer = f"http://localhost:{server.server_port}/o"  # to browsers, another site than the service's 127.0.0.1
        _configure(folder, issuer)

        import django  # noqa: PLC0415
        from django.core.wsgi import get_wsgi_application  # noqa: PLC0415

        django.setup()
        _create_people()
        server.set_app(get_wsgi_application())
        sys.stdout.write(f"{issuer}\n")
        sys.stdout.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
