"""A client of the administration's pages for tests: sign in, read pages, send forms."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, NamedTuple

import aiohttp

from running_service import RunningService


class FetchedPage(NamedTuple):
    """A response with its page."""

    status: int
    headers: Mapping[str, str]
    text: str
    url: str

    @property
    def forms(self) -> "list[dict[str, str]]":
        """The values of every form, in the page's order; `action` is where it is sent."""
        return FormParser(self.text).forms


class FormParser(HTMLParser):
    """The forms of a page as a browser would send them untouched."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.forms: list[dict[str, str]] = []
        self._select = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({"action": attributes["action"]})
        elif tag == "input" and self.forms and attributes.get("name"):
            if attributes.get("type") != "checkbox" or "checked" in attributes:
                self.forms[-1][attributes["name"]] = attributes.get("value", "")
        elif tag == "select":
            self._select = attributes["name"]
        elif tag == "option" and (self._select not in self.forms[-1] or "selected" in attributes):
            self.forms[-1][self._select] = attributes["value"]


class BrowserClient:
    """One person with a browser."""

    def __init__(self, server: RunningService, http: aiohttp.ClientSession) -> None:
        self.url, self.http = server.url, http

    async def sign_in(self, name: str) -> FetchedPage:
        """Sign in by the page."""
        await self.read("/admin/sign-in?lang=en")
        return await self.send_form("/admin/sign-in?lang=en", {"token": f"token-of-{name}"})

    async def read(self, path: str, **headers: str) -> FetchedPage:
        """Read a page, following redirects."""
        async with self.http.get(self.url + path, headers=headers) as response:
            return FetchedPage(response.status, response.headers, await response.text(), str(response.url.relative()))

    async def send_form(
        self, path: str, form: Mapping[str, Any], *, follow_redirects: bool = True, **headers: str
    ) -> FetchedPage:
        """Send a form as a page of ours does; `headers` say otherwise."""
        defaults = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"} | headers
        sent_headers = {name.replace("_", "-"): value for name, value in defaults.items() if value}
        fields = {name: value for name, value in form.items() if name != "action"}
        async with self.http.post(
            self.url + path, data=fields, headers=sent_headers, allow_redirects=follow_redirects
        ) as response:
            return FetchedPage(response.status, response.headers, await response.text(), str(response.url.relative()))

    async def submit_form(self, path: str, action: str = "execute", **values: str) -> FetchedPage:
        """Open a form, fill it in and send it."""
        page = await self.read(path)
        form = next(form for form in page.forms if "key" in form)
        return await self.send_form(
            form["action"], form | {"do": action} | {k.replace("__", "."): v for k, v in values.items()}
        )


def page_text(page: FetchedPage) -> str:
    """Return the text of a page without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.text))
