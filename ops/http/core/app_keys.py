"""Typed keys of the services that handlers share (`web.AppKey`)."""

from aiohttp import web

from campaigns.catalogue.cache import Shelf
from campaigns.intake.key_usage import KeyUse
from campaigns.intake.queue import Intake
from ops.admin.core.command import Office
from ops.metrics import Metrics

INTAKE = web.AppKey("intake", Intake)
KEY_USE = web.AppKey("key_use", KeyUse)
METRICS = web.AppKey("metrics", Metrics)
SHELF = web.AppKey("shelf", Shelf)
WEBHOOK_KEY = web.AppKey("webhook_key", bytes)


OFFICE: web.AppKey[Office] = web.AppKey("office")
PREFIX = "/v1/admin"
