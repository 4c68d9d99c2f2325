"""Typed keys of the services that handlers share (`web.AppKey`)."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from campaigns.catalogue.cache import CatalogueCache
from campaigns.intake.key_usage import KeyUsage
from campaigns.intake.queue import IntakeQueue
from ops.admin.core.command import CommandServices
from ops.metrics import Metrics

INTAKE_QUEUE = web.AppKey("intake_queue", IntakeQueue)
KEY_USAGE = web.AppKey("key_usage", KeyUsage)
METRICS = web.AppKey("metrics", Metrics)
CATALOGUE_CACHE = web.AppKey("catalogue_cache", CatalogueCache)
WEBHOOK_KEY = web.AppKey("webhook_key", bytes)
# A function, because the document is built when it is first read.
OPENAPI_DOCUMENT: web.AppKey[Callable[[], dict[str, Any]]] = web.AppKey("openapi_document")

COMMAND_SERVICES: web.AppKey[CommandServices] = web.AppKey("command_services")
ADMIN_API_PREFIX = "/v1/admin"
