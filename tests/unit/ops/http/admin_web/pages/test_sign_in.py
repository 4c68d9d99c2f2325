"""Where a person goes after signing in: to a page of the administration, and nowhere else."""

import pytest

from ops.http.admin_web.pages.sign_in import safe_next_url


@pytest.mark.parametrize(
    "url", ["/admin", "/admin/", "/admin/campaigns", "/admin/do/token.create", "/admin/a~b_c-d.e"]
)
def test_a_page_of_the_administration_is_kept(url: str) -> None:
    assert safe_next_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/admin\n",
        "/admin/\n",
        "/admin/x\r\nSet-Cookie: a=b",
        "/admin\t",
        "/admin\0",
        "/admin\u2028",
        "/administer",
        "//evil.example/admin",
        "///admin",
        "/\\evil.example",
        "\\admin",
        "/admin\\..\\",
        "/admin/@evil.example",
        "/admin?next=//evil.example",
        "/admin#x",
        "/admin/%0a",
        "https://evil.example/admin",
        "javascript:alert(1)",
        " /admin",
        "/admin ",
        "/ADMIN",
        "/аdmin",
    ],
)
def test_any_other_address_becomes_the_overview(url: str) -> None:
    assert safe_next_url(url) == "/admin"
