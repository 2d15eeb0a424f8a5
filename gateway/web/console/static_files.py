"""Style, scripts and pictures: read once, and named after their content so that browsers may keep them."""

import hashlib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from aiohttp import web

PATH: Final = "/static/{fingerprint:[0-9a-f]{16}}/{name:[a-z0-9_-]+[.][a-z]+}"
KINDS: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
KEPT: Final = "public, max-age=31536000, immutable"


class StaticFiles:
    """The files of `static/`. One fingerprint stands for all of them: modules import each other by plain names."""

    def __init__(self) -> None:
        found = sorted(files("gateway.web.console").joinpath("static").iterdir(), key=lambda file: file.name)
        self._files = {file.name: file.read_bytes() for file in found if _is_ours(file)}
        whole = hashlib.sha256()
        for name, content in self._files.items():
            whole.update(f"{name}\0{len(content)}\0".encode() + content)
        self.fingerprint = whole.hexdigest()[:16]

    def path(self, name: str) -> str:
        """Return where a file is found; raise `KeyError` for one that is not there."""
        self._files[name]
        return f"/static/{self.fingerprint}/{name}"

    async def answer(self, request: web.Request) -> web.Response:
        """Send one file."""
        name = request.match_info["name"]
        if request.match_info["fingerprint"] != self.fingerprint or name not in self._files:
            raise web.HTTPNotFound
        headers = {"Content-Type": KINDS[name.rpartition(".")[2]], "Cache-Control": KEPT}
        return web.Response(body=self._files[name], headers=headers)


def _is_ours(file: Traversable) -> bool:
    return file.is_file() and file.name.rpartition(".")[2] in KINDS
