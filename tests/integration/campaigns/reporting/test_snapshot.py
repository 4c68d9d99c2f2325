"""Snapshots use the current catalogue, and a catalogue that keeps changing ends the read."""

from dataclasses import replace

import pytest

from campaigns.catalogue.cache import Catalogue, CatalogueCache
from campaigns.reporting.snapshot import read_snapshots
from promises import NOW, PSEUDONYM_KEY, SLUG
from settlements import create_campaign
from sql import Pool


class OutdatedCatalogues(CatalogueCache):
    """Returns an outdated catalogue a number of times, then the current one."""

    outdated_count = 0
    refresh_count = 0

    async def get(self) -> Catalogue:
        """Return an outdated catalogue."""
        return replace(await super().refresh(), version=0)

    async def refresh(self) -> Catalogue:
        """Return an outdated catalogue as often as `outdated_count` says."""
        self.refresh_count += 1
        catalogue = await super().refresh()
        return replace(catalogue, version=0) if self.refresh_count <= self.outdated_count else catalogue


async def test_an_outdated_catalogue_is_read_again(pool: Pool):
    await create_campaign(pool)
    catalogue_cache = OutdatedCatalogues(pool, PSEUDONYM_KEY)
    catalogue_cache.outdated_count = 3
    (snapshot,) = await read_snapshots(pool, catalogue_cache, NOW)
    assert (snapshot.slug, catalogue_cache.refresh_count) == (SLUG, 4)


async def test_a_catalogue_that_keeps_changing_ends_the_read(pool: Pool):
    await create_campaign(pool)
    catalogue_cache = OutdatedCatalogues(pool, PSEUDONYM_KEY)
    catalogue_cache.outdated_count = 1_000
    with pytest.raises(TimeoutError, match="the catalogue changed"):
        await read_snapshots(pool, catalogue_cache, NOW)
    assert 1 < catalogue_cache.refresh_count < 100
