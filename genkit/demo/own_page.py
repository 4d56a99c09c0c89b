"""Requests that only the page itself may send: a page of another site in the same browser reaches 127.0.0.1 too."""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class OwnPageOnly:
    """ASGI middleware that answers 403 to a request or a websocket whose ``Origin`` is another page.

    A browser names in ``Origin`` (RFC 6454) the site that asks, except when a user follows a link. Programs without a
    browser send none.
    """

    def __init__(self, app: ASGIApp):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        answer: Any = self.app
        if scope["type"] in ("http", "websocket"):
            headers = Headers(scope=scope)
            own = f"http://{headers.get('host')}"
            if any(origin != own for origin in headers.getlist("origin")):
                answer = PlainTextResponse("This page takes no requests from other sites.", status_code=403)
        await answer(scope, receive, send)
