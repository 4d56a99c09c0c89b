"""Server of the page: on this machine only, without a request to any other.

uvicorn gets an open socket, so a port that was free stays free until it is served.
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError

if TYPE_CHECKING:
    from genkit.demo.playground import Playground

HOST = "127.0.0.1"
FIRST, TRIED = 7860, 100  # ports that are tried without --port
# The browser refuses what is not served here, even if a text of a recipe asks for it. Gradio runs code that it makes.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
)
MOST_BYTES = "200mb"  # of a picture


def open_socket(port: int | None) -> socket.socket:
    """Return a socket that listens on a port of 127.0.0.1: the one that is asked for, or the first that is free.

    Raises `UsageError` if it is in use, or not for this user.
    """
    for number in [port] if port else range(FIRST, FIRST + TRIED):
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port that a demo has just left is free
        try:
            found.bind((HOST, number))
            found.listen(64)
            return found
        except OSError as error:
            found.close()
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            if port:
                what = "in use" if error.errno == errno.EADDRINUSE else "not for this user"
                raise UsageError(f"--port {port}: {what}. Give another, or leave out --port for a free one.") from None
    raise UsageError(f"ports {FIRST} to {FIRST + TRIED - 1} of {HOST} are in use. Give another with --port.")


def serve(playground: Playground, listening: socket.socket, ready: Callable[[str], None]) -> None:
    """Serve the page until Ctrl-C. `ready` gets its address as soon as it answers."""
    address = f"http://{HOST}:{listening.getsockname()[1]}"
    with TemporaryDirectory(prefix="genkit-demo-") as folder:
        os.environ["GRADIO_TEMP_DIR"] = folder  # pictures that are dropped in are gone with the demo
        os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
        import uvicorn

        app = page_app(playground, listening.getsockname()[1], lambda: ready(address))
        # Ctrl-C waits for no browser that is connected.
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=0, lifespan="on")
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:
            return


def page_app(playground: Playground, port: int, started: Callable[[], None]) -> Any:
    """Return the application: the page, and headers that keep the browser on this machine."""
    from contextlib import asynccontextmanager

    import gradio as gr
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from genkit.demo.own_page import OwnPageOnly
    from genkit.demo.page import STYLE, page_of, theme

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> Any:
        started()
        yield

    outer = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)

    @outer.middleware("http")
    async def keep_here(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    # Another site could name 127.0.0.1 as its own and read the page.
    outer.add_middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"])
    outer.add_middleware(OwnPageOnly)
    return gr.mount_gradio_app(
        outer,
        page_of(playground),
        "/",
        server_name=HOST,
        server_port=port,
        footer_links=[],
        run_history=False,
        max_file_size=MOST_BYTES,
        show_error=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        enable_monitoring=False,
        theme=theme(),
        css=STYLE,
    )
