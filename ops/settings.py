"""Configuration: environment variables `LIKE_LEDGER_…`, read once; an unknown one is an error, not a silence."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "LIKE_LEDGER_"
_FOR_TESTS = {"LIKE_LEDGER_TEST_DATABASE_URL"}


class SettingsRefused(Exception):
    """The environment does not make a configuration; the message names each fault."""


class Settings(BaseSettings):
    """What can be set; `docs` of each field is what `like-ledger serve --help` and the README say."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    database_url: Annotated[SecretStr | None, Field(description="PostgreSQL 15 to 18; unset: an embedded one")] = None
    data_dir: Annotated[Path, Field(description="where the embedded database and its keys live")] = Path("data")
    host: Annotated[str, Field(description="address to listen on")] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535, description="port to listen on; 0 picks a free one")] = 8080
    pseudonym_key: Annotated[SecretStr | None, Field(description="32 bytes, hex: hashes user ids")] = None
    webhook_key: Annotated[SecretStr | None, Field(description="32 bytes, hex: platforms' secrets are derived")] = (
        None
    )
    log_key: Annotated[SecretStr | None, Field(description="32 bytes, hex: Ed25519 seed that signs the log")] = None
    log_origin: Annotated[str | None, Field(description="the log's name: its address without https://")] = None
    log_witnesses: Annotated[
        str | None, Field(max_length=8000, description="who cosigns checkpoints: KEY URL each, parted by commas")
    ] = None
    tick_seconds: Annotated[float, Field(gt=0, le=3600, description="time between pledge ticks")] = 0.5
    sequence_seconds: Annotated[float, Field(gt=0, le=3600, description="time between runs of the sequencer")] = 1
    settle_seconds: Annotated[float, Field(gt=0, le=3600, description="time between looks for periods to settle")] = (
        60
    )
    check_seconds: Annotated[float, Field(gt=0, description="time between runs of all invariants")] = 600
    payout_channel: Annotated[
        str, Field(pattern="^(manual|pain001|http)$", description="how payouts reach a bank")
    ] = "manual"
    payout_folder: Annotated[Path | None, Field(description="where pain001 files go; unset: outbox in DATA_DIR")] = (
        None
    )
    payout_url: Annotated[
        str | None, Field(pattern=r"^https?://\S+$", max_length=500, description="the payment service of http")
    ] = None
    payout_secret: Annotated[
        SecretStr | None, Field(description="whsec_…: signs requests to it, and its answers")
    ] = None
    payer_name: Annotated[str | None, Field(max_length=140, description="whose account payouts leave")] = None
    payer_account: Annotated[str | None, Field(description="its IBAN, or scheme:number")] = None
    payer_bic: Annotated[str | None, Field(pattern=r"^[A-Z0-9]{8}([A-Z0-9]{3})?$", description="its bank")] = None
    admin_token: Annotated[
        SecretStr | None, Field(min_length=32, max_length=200, description="an owner's token, to begin with")
    ] = None
    public_url: Annotated[
        str | None,
        Field(pattern=r"^https?://[^\s/]+$", max_length=200, description="where browsers find the service"),
    ] = None
    openid_issuer: Annotated[
        str | None, Field(max_length=500, description="the OpenID Connect provider that people may sign in at")
    ] = None
    openid_client: Annotated[str | None, Field(min_length=1, max_length=200, description="our client id there")] = (
        None
    )
    openid_secret: Annotated[
        SecretStr | None, Field(min_length=1, max_length=500, description="its secret; unset: a public client")
    ] = None
    openid_name_claim: Annotated[
        str, Field(min_length=1, max_length=200, description="the claim that names a person, one for ever")
    ] = "sub"
    openid_role_claim: Annotated[
        str, Field(min_length=1, max_length=200, description="the claim with their role")
    ] = "roles"
    openid_roles: Annotated[
        str | None, Field(max_length=2000, description="value=role, parted by commas; unset: the roles' own names")
    ] = None
    trusted_proxies: Annotated[int, Field(ge=0, le=10, description="proxies of ours before the service")] = 0
    pool_size: Annotated[int, Field(ge=4, le=100, description="database connections")] = 8
    log_format: Annotated[str, Field(pattern="^(json|text)$", description="json or text")] = "json"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what was passed first, then the environment: no files, no other sources."""
        return init_settings, env_settings


def load(environ: Mapping[str, str] = os.environ, **overrides: Any) -> Settings:
    """Return the configuration; SettingsRefused names every fault, never a value."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | _FOR_TESTS
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsRefused(
            f"no such setting: {', '.join(unknown)}. Known: {', '.join(sorted(known - _FOR_TESTS))}"
        )
    try:
        return Settings(**overrides)
    except ValidationError as error:
        faults = [f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False)]
        raise SettingsRefused("; ".join(faults)) from None
