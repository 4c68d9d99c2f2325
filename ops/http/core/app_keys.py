"""Typed keys of the services that handlers share (`web.AppKey`)."""

from aiohttp import web

from campaigns.catalogue.cache import CatalogueCache
from campaigns.intake.key_usage import KeyUsage
from campaigns.intake.queue import IntakeQueue
from ops.admin.core.command import CommandServices
from ops.metrics import Metrics

INTAKE_QUEUE = web.AppKey("intake", IntakeQueue)
KEY_USAGE = web.AppKey("key_use", KeyUsage)
METRICS = web.AppKey("metrics", Metrics)
CATALOGUE_CACHE = web.AppKey("shelf", CatalogueCache)
WEBHOOK_KEY = web.AppKey("webhook_key", bytes)


COMMAND_SERVICES: web.AppKey[CommandServices] = web.AppKey("office")
ADMIN_API_PREFIX = "/v1/admin"
