"""The lists' columns exist and have names in both languages."""

from typing import Any

import pytest

from ops.admin import registry
from ops.http.admin_web.pages.lists import COLUMNS
from ops.i18n.language import TEXTS

OTHER_PAGES = {"campaigns", "proposals"}  # lists with pages of their own


@pytest.mark.parametrize("endpoint", registry.LIST_ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_each_column_has_a_name_in_both_languages(endpoint: Any) -> None:
    names = [*endpoint.view_type.__annotations__, *endpoint.filters]
    assert [name for name in names if f"field_{name}" not in TEXTS] == []


@pytest.mark.parametrize("endpoint", registry.LIST_ENDPOINTS, ids=lambda endpoint: endpoint.name)
def test_a_page_shows_columns_that_its_list_has(endpoint: Any) -> None:
    columns = set(COLUMNS[endpoint.name]) if endpoint.name not in OTHER_PAGES else set()
    assert columns <= set(endpoint.view_type.__annotations__)
