"""Configuration from environment variables `LIKE_LEDGER_…`; an unknown name is an error."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "LIKE_LEDGER_"
_TEST_VARIABLES = {"LIKE_LEDGER_TEST_DATABASE_URL"}


class SettingsRefused(Exception):
    """The environment is not a valid configuration; the message names each error and what to do."""


class Settings(BaseSettings):
    """Every setting; the documentation is generated from the descriptions."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    database_url: Annotated[
        SecretStr | None,
        Field(
            description="PostgreSQL 15 to 18; several hosts, separated by commas: the primary among them;"
            " unset: an embedded one in the data folder"
        ),
    ] = None
    data_dir: Annotated[Path, Field(description="folder of the embedded database and its keys")] = Path("data")
    host: Annotated[str, Field(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="port to listen on; 0 chooses a free one")] = 8080
    pseudonym_key: Annotated[
        SecretStr | None,
        Field(description="32 bytes in hex that hash user ids; if lost, existing likes cannot be recognised"),
    ] = None
    webhook_key: Annotated[
        SecretStr | None, Field(description="32 bytes in hex; platforms' secrets are derived from them")
    ] = None
    log_key: Annotated[
        SecretStr | None, Field(description="32 bytes in hex: the Ed25519 seed that signs the public log")
    ] = None
    log_origin: Annotated[
        str | None, Field(description="the log's name: its address without https://, such as ledger.example.org/log")
    ] = None
    log_witnesses: Annotated[
        str | None,
        Field(
            max_length=8000,
            description="witnesses, separated by commas or lines: each a verifier key and the witness's address",
        ),
    ] = None
    log_state: Annotated[
        Path | None,
        Field(
            description="file that remembers the newest signed head, never part of a backup; several instances share"
            " it; unset: log-state.json in the data folder"
        ),
    ] = None
    log_mirror: Annotated[
        str | None,
        Field(
            max_length=500,
            description="published copy of the log, an address or a folder, that is compared before each signature",
        ),
    ] = None
    tick_seconds: Annotated[float, Field(gt=0, le=3600, description="seconds between pledge ticks")] = 0.5
    sequence_seconds: Annotated[
        float, Field(gt=0, le=3600, description="seconds between runs of the log's sequencer")
    ] = 1
    judge_seconds: Annotated[
        float, Field(gt=0, le=3600, description="seconds between judgements of the likes that arrived")
    ] = 10
    settle_seconds: Annotated[
        float, Field(gt=0, le=3600, description="seconds between searches for periods to settle")
    ] = 60
    check_seconds: Annotated[float, Field(gt=0, description="seconds between runs of all invariants")] = 600
    payout_channel: Annotated[
        str, Field(pattern="^(manual|pain001|http)$", description="how payouts reach a bank: manual, pain001 or http")
    ] = "manual"
    payout_folder: Annotated[
        Path | None,
        Field(
            description="folder for pain.001 files and hashes of sent messages, shared by all instances, not part of"
            " a backup; unset: outbox in the data folder"
        ),
    ] = None
    payout_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://\S+$",
            max_length=500,
            description="address of the payment service that the channel http calls",
        ),
    ] = None
    payout_secret: Annotated[
        SecretStr | None, Field(description="whsec_…: signs requests to the payment service, and its callbacks")
    ] = None
    payout_sent_days: Annotated[
        int, Field(ge=1, le=365, description="days after which a sent payout that no statement shows is overdue")
    ] = 5
    payer_name: Annotated[str | None, Field(max_length=140, description="name of the account that payouts leave")] = (
        None
    )
    payer_account: Annotated[
        str | None, Field(description="its IBAN, or scheme:number; if set, other accounts' statements are refused")
    ] = None
    payer_bic: Annotated[str | None, Field(pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$", description="its bank's BIC")] = (
        None
    )
    admin_token: Annotated[
        SecretStr | None,
        Field(min_length=32, max_length=200, description="an owner's first token, 32 characters or more"),
    ] = None
    public_url: Annotated[
        str | None,
        Field(
            pattern=r"^https?://[^\s/]+$",
            max_length=200,
            description="address that browsers use, such as https://likes.example.org; with https, cookies need TLS",
        ),
    ] = None
    openid_issuer: Annotated[
        str | None, Field(max_length=500, description="OpenID Connect provider for sign-in; needs PUBLIC_URL")
    ] = None
    openid_client: Annotated[
        str | None, Field(min_length=1, max_length=200, description="our client id at the provider")
    ] = None
    openid_secret: Annotated[
        SecretStr | None,
        Field(
            min_length=1,
            max_length=500,
            description="our client secret; unset: a public client, protected by PKCE alone",
        ),
    ] = None
    openid_name_claim: Annotated[
        str,
        Field(
            min_length=1, max_length=200, description="claim that names a person, never reassigned by the provider"
        ),
    ] = "sub"
    openid_role_claim: Annotated[
        str,
        Field(
            min_length=1, max_length=200, description="claim that holds the role; a dotted path reads a nested claim"
        ),
    ] = "roles"
    openid_roles: Annotated[
        str | None,
        Field(
            max_length=2000,
            description="claim values and roles as value=role, separated by commas; unset: role names",
        ),
    ] = None
    trusted_proxies: Annotated[
        int, Field(ge=0, le=10, description="number of our proxies whose X-Forwarded-For is trusted")
    ] = 0
    intake_timeout_seconds: Annotated[
        float,
        Field(ge=1, le=60, description="seconds after which intake gives up on a statement, a commit or a server"),
    ] = 4
    metrics_port: Annotated[
        int | None, Field(ge=0, le=65535, description="port that serves /metrics; unset: metrics are not served")
    ] = None
    metrics_host: Annotated[str, Field(description="address that /metrics listens on")] = "127.0.0.1"
    connections_max: Annotated[
        int, Field(ge=64, le=1_000_000, description="open connections of one process, within its limit of open files")
    ] = 4_096
    connections_per_address: Annotated[
        int,
        Field(
            ge=1,
            le=1_000_000,
            description="open connections of one client (IPv6: a /64); not counted behind TRUSTED_PROXIES",
        ),
    ] = 1_024
    streams_per_address: Annotated[
        int, Field(ge=1, le=500, description="event streams of one client (IPv6: a /64)")
    ] = 50
    request_header_seconds: Annotated[
        float, Field(gt=0, le=3600, description="seconds until a request's headers must have arrived")
    ] = 10
    request_body_seconds: Annotated[
        float, Field(gt=0, le=3600, description="seconds until a request's body must have arrived after its headers")
    ] = 30
    pool_size: Annotated[
        int,
        Field(
            ge=4,
            le=100,
            description="database connections per instance for requests, beside four for intake and four for jobs",
        ),
    ] = 8
    log_format: Annotated[str, Field(pattern="^(json|text)$", description="log lines as json or text")] = "json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read arguments first, then the environment: no files, no other sources."""
        return init_settings, env_settings


def load_settings(environ: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """Return the configuration.

    Raises SettingsRefused, which names every wrong setting but no value.
    """
    names = {PREFIX + name.upper() for name in Settings.model_fields} | _TEST_VARIABLES
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in names)
    if unknown:
        raise SettingsRefused(
            f"Unknown settings: {', '.join(unknown)}. Known are: {', '.join(sorted(names - _TEST_VARIABLES))}"
        )
    try:
        return Settings(**overrides)
    except ValidationError as error:
        raise SettingsRefused("; ".join(map(_fault_text, error.errors(include_input=False)))) from None


_FAULT_TEXTS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "too_short": "must have at least {min_length} characters",  # of a secret
    "too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "does not have the right form",
}


def _fault_text(fault: ErrorDetails) -> str:
    """Return what is wrong with a setting, and what it is for; never its value. Pure."""
    name = str(fault["loc"][0])
    text = _FAULT_TEXTS.get(fault["type"], "is not valid").format_map(fault.get("ctx", {}))
    return f"{PREFIX}{name.upper()} {text}. It is: {Settings.model_fields[name].description}"
