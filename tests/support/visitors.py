"""People with a browser, for tests of the administration's pages: they sign in, read pages and send forms."""

import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, NamedTuple

import aiohttp

from serving import RunningService


class FetchedPage(NamedTuple):
    """What came back."""

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
        own = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({"action": own["action"]})
        elif tag == "input" and self.forms and own.get("name"):
            if own.get("type") != "checkbox" or "checked" in own:
                self.forms[-1][own["name"]] = own.get("value", "")
        elif tag == "select":
            self._select = own["name"]
        elif tag == "option" and (self._select not in self.forms[-1] or "selected" in own):
            self.forms[-1][self._select] = own["value"]


class BrowserClient:
    """One of them, with a browser of their own."""

    def __init__(self, server: RunningService, http: aiohttp.ClientSession) -> None:
        self.url, self.http = server.url, http

    async def sign_in(self, name: str) -> FetchedPage:
        """Sign in by the page."""
        await self.read("/admin/sign-in?lang=en")
        return await self.send_form("/admin/sign-in?lang=en", {"token": f"token-of-{name}"})

    async def read(self, path: str, **headers: str) -> FetchedPage:
        """Look at a page; redirects are followed."""
        async with self.http.get(self.url + path, headers=headers) as answer:
            return FetchedPage(answer.status, answer.headers, await answer.text(), str(answer.url.relative()))

    async def send_form(
        self, path: str, form: Mapping[str, Any], *, follow_redirects: bool = True, **headers: str
    ) -> FetchedPage:
        """Send a form as a page of ours does; `headers` say otherwise."""
        said = {"Origin": self.url, "Sec-Fetch-Site": "same-origin", "Accept": "text/html"} | headers
        told = {name.replace("_", "-"): value for name, value in said.items() if value}
        own = {name: value for name, value in form.items() if name != "action"}
        async with self.http.post(
            self.url + path, data=own, headers=told, allow_redirects=follow_redirects
        ) as answer:
            return FetchedPage(answer.status, answer.headers, await answer.text(), str(answer.url.relative()))

    async def submit_form(self, path: str, action: str = "execute", **values: str) -> FetchedPage:
        """Open a form, fill it in and send it."""
        page = await self.read(path)
        form = next(each for each in page.forms if "key" in each)
        return await self.send_form(
            form["action"], form | {"do": action} | {k.replace("__", "."): v for k, v in values.items()}
        )


def page_text(page: FetchedPage) -> str:
    """Return a page's words without its elements."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.text))
