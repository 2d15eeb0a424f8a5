"""What a route of the API is."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from gateway.access import Action

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Route(msgspec.Struct, frozen=True):
    """One route."""

    method: str
    path: str
    handler: Handler
    action: Action | None
    """What the asker must be allowed; None for routes that anybody may read."""
    status: int = 200
    body: str = ""
    """Content types of the body, where it has one."""
    takes: type[msgspec.Struct] | None = None
    """What a JSON body is."""
    answers: type[msgspec.Struct] | str = ""
    """What the answer is: a type of JSON, or a content type; empty where it is the adaptor's."""
    or_status: int = 0
    """Another status that comes with the same answer; 0 for none."""

    @property
    def summary(self) -> str:
        """The first sentence of what the handler does."""
        return (self.handler.__doc__ or "").strip().splitlines()[0]
