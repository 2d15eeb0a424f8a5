"""Somebody at the console without a browser: keeps cookies and sends forms."""

import http.client
import re
from collections.abc import Mapping
from html import unescape
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from tests.support.api import Answer
from tests.support.with_people import PASSWORD

NONE: Final[Mapping[str, str]] = MappingProxyType({})
FORM: Final = "application/x-www-form-urlencoded"


class Visitor:
    """Follows nothing by itself; every header and every cookie can be looked at and changed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.cookies: dict[str, str] = {}
        self.form_token = ""

    def ask(
        self,
        method: str,
        path: str,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = NONE,
    ) -> Answer:
        """Send one request, with the cookies that were set."""
        if fields is None:
            return self.ask_raw(method, path, None, headers)
        body = urlencode(fields, doseq=True).encode()
        return self.ask_raw(method, path, body, {"Content-Type": FORM} | dict(headers))

    def ask_raw(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """Send one request with this body."""
        parts = urlsplit(self.url)
        sent = dict(headers)
        if self.cookies:
            sent.setdefault("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            self._keep(answer.headers.get_all("Set-Cookie") or [])
            found = Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()
        if token := re.search(rb'name="form_token" value="([0-9a-f]{64})"', found.body):
            self.form_token = token[1].decode()
        return found

    def _keep(self, cookies: list[str]) -> None:
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            if value.strip('"'):
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)

    def get(self, path: str, headers: Mapping[str, str] = NONE) -> Answer:
        return self.ask("GET", path, None, headers)

    def post(self, path: str, fields: Mapping[str, Any] = NONE, headers: Mapping[str, str] = NONE) -> Answer:
        """Send a form with the form token that was seen last."""
        return self.ask("POST", path, {"form_token": self.form_token} | dict(fields), headers)

    def sign_in(self, name: str, password: str = PASSWORD, following: str = "/") -> Answer:
        """Sign in, and look at a page so that the form token is known."""
        answer = self.ask("POST", "/login", {"name": name, "password": password, "next": following})
        if answer.status == 303:
            self.get("/account/password")
        return answer


def words(answer: Answer) -> str:
    """Return the text of a page."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.body.decode())).split())
