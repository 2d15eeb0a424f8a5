"""A small OpenID Connect provider that does whatever a test wants wrong."""

import base64
import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from tests.support.api import Answer
from tests.support.oidc_provider import CLIENT
from tests.support.visitor import Visitor

Reply = tuple[int, bytes]


class BadProvider:
    """Listens on loopback; its attributes say what it does next."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})
        self.shown = [self.key]
        self.asked: list[str] = []
        self.forms: list[dict[str, list[str]]] = []
        self.headers: list[dict[str, str]] = []
        self.claims: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.metadata: dict[str, Any] = {}
        self.token: Callable[[dict[str, Any]], str] = self.signed
        self.instead: dict[str, Callable[[], Reply]] = {}
        """Answers by path, instead of what a provider answers."""
        self.nonce = ""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    def signed(self, claims: dict[str, Any]) -> str:
        """Sign *claims* as one should."""
        return jwt.encode({"alg": "RS256", "kid": self.key.kid} | self.header, claims, self.key)

    def unsigned(self, claims: dict[str, Any]) -> str:
        """Return *claims* with the algorithm none."""
        parts = ({"alg": "none", "typ": "JWT"}, claims)
        texts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
        return ".".join([*texts, ""])

    def _reply(self, path: str) -> Reply:
        self.asked.append(path)
        if path in self.instead:
            return self.instead[path]()
        if path == "/.well-known/openid-configuration":
            places = {"authorization_endpoint": "auth", "token_endpoint": "token", "jwks_uri": "keys"}
            found = {name: f"{self.issuer}/{place}" for name, place in places.items()}
            return 200, json.dumps({"issuer": self.issuer} | found | self.metadata).encode()
        if path == "/keys":
            return 200, json.dumps(KeySet(list(self.shown)).as_dict(private=False)).encode()
        if path == "/token":
            return 200, json.dumps({"id_token": self._id_token(), "access_token": "x"}).encode()
        return 404, b"{}"

    def _id_token(self) -> str:
        now = int(time.time())
        usual = {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "u-1",
            "iat": now,
            "exp": now + 60,
            "auth_time": now,
            "nonce": self.nonce,
            "preferred_username": "una",
            "groups": ["grid-submitters"],
        }
        return self.token(usual | self.claims)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = provider._reply(urlsplit(self.path).path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                provider.forms.append(parse_qs(body.decode()))
                provider.headers.append(dict(self.headers))
                self.do_GET()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
                del format, args

        return Handler

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, visitor: Visitor, **changes: str | None) -> Answer:
        """Have *visitor* sign in, and bring back an answer with *changes* (None leaves a part out)."""
        begun = visitor.get("/login/oidc")
        assert begun.status == 303, begun.body
        query = parse_qs(urlsplit(begun.headers["Location"]).query)
        self.nonce = query["nonce"][0]
        parts: dict[str, str | None] = {"code": "c", "state": query["state"][0]}
        sent = {name: value for name, value in (parts | changes).items() if value is not None}
        return visitor.get(f"/login/oidc/answer?{urlencode(sent)}", {"Accept": "text/html"})
