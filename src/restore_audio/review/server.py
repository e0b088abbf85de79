"""The review's server: one page and what it asks for, on the loopback address, behind a random token.

In: requests of the page. Out: its HTML, samples, spans, fills, and what was saved. Nothing outside of this
machine can connect, nothing that does not know the token is answered, and nothing is fetched from anywhere.
"""

from __future__ import annotations

import hmac
import json
import secrets
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ..errors import InputError, RestoreError
from .pages import review_page, start_page
from .session import Session

HOST = "127.0.0.1"

LONGEST_READ_S = 30
"""Of sound in one answer."""

LARGEST_TEXT = 32 << 20
"""Bytes of a request that is no recording."""

_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Resource-Policy": "same-origin",
}

Answer = Callable[[Request], Awaitable[Response]]


class Server:
    """Serves one recording, or a page to drop one on.

    Args:
        scratch: a folder for what is needed only now.
        session: the recording; None shows the start page.
        tell: told of faults, with where they happened.
    """

    def __init__(
        self,
        scratch: Path,
        session: Session | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.token = secrets.token_urlsafe(24)
        self._scratch = scratch
        self._session = session
        self._tell = tell
        self._dropped = False

    @property
    def session(self) -> Session:
        """The recording under review.

        Raises:
            InputError: there is none yet.
        """
        if self._session is None:
            raise InputError("No recording is open: drop one on the page.")
        return self._session

    def app(self) -> Starlette:
        """The application."""
        routes = [
            ("", self._page, "GET"),
            ("overview", self._overview, "GET"),
            ("found", self._found, "GET"),
            ("progress", self._progress, "GET"),
            ("samples", self._samples, "GET"),
            ("fill", self._fill, "POST"),
            ("save", self._save, "POST"),
            ("upload", self._upload, "POST"),
            ("result", self._result, "GET"),
            ("spans", self._spans, "GET"),
        ]
        return Starlette(
            routes=[
                Route(f"/{{token}}/{name}", self._guarded(answer), methods=[verb])
                for name, answer, verb in routes
            ],
            middleware=[
                Middleware(TrustedHostMiddleware, allowed_hosts=[HOST, "localhost"], www_redirect=False)
            ],
        )

    def _guarded(self, answer: Answer) -> Answer:
        """An answer for those who know the token; what goes wrong is a sentence."""

        async def guarded(request: Request) -> Response:
            given = request.path_params["token"].encode("utf-8", "replace")
            if not hmac.compare_digest(given, self.token.encode()):
                return Response("There is nothing here.", 404, _HEADERS)
            try:
                response = await answer(request)
            except RestoreError as error:
                response = JSONResponse({"error": str(error)}, 409)
            except (ValueError, KeyError, TypeError, IndexError, RecursionError):
                self._tell(f"review: {request.url.path.rpartition('/')[2]} failed\n{traceback.format_exc()}")
                sentence = (
                    "The page asked for something that makes no sense; why stands in the terminal in which "
                    "restore-audio review was started."
                )
                response = JSONResponse({"error": sentence}, 400)
            response.headers.update(_HEADERS)
            return response

        return guarded

    async def _page(self, _: Request) -> Response:
        if self._session is None:
            return HTMLResponse(start_page())
        return HTMLResponse(review_page(self.session.about(), dropped=self._dropped))

    async def _overview(self, _: Request) -> Response:
        return JSONResponse(await run_in_threadpool(self.session.overview))

    async def _found(self, request: Request) -> Response:
        sensitivity = float(request.query_params["sensitivity"])
        return JSONResponse(await run_in_threadpool(self.session.found, sensitivity))

    async def _progress(self, _: Request) -> Response:
        return JSONResponse({"share": self.session.progress})

    async def _samples(self, request: Request) -> Response:
        first, last = (int(request.query_params[name]) for name in ("first", "last"))
        if not 0 <= last - first <= LONGEST_READ_S * self.session.info.rate_hz:
            raise ValueError("too long")
        samples = await run_in_threadpool(self.session.heard, first, last)
        return Response(samples.tobytes(), media_type="application/octet-stream")

    async def _fill(self, request: Request) -> Response:
        wanted = await _json(request)
        document, number = json.dumps(wanted["document"]), int(wanted["number"])
        return JSONResponse(await run_in_threadpool(self.session.fill, document, number))

    async def _save(self, request: Request) -> Response:
        wanted = await _json(request)
        document, refused = json.dumps(wanted["document"]), list(wanted["refused"])
        return JSONResponse(await run_in_threadpool(self.session.save, document, refused))

    async def _upload(self, request: Request) -> Response:
        """A recording that was dropped on the start page, piece by piece to disk."""
        name = Path(unquote(request.headers["x-name"])).name.lstrip(".") or "dropped"
        if "\0" in name or len(name.encode()) > 200:
            raise InputError("The name of the recording is too long, or no name of a file: rename it.")
        folder = self._scratch / secrets.token_hex(4)
        folder.mkdir()
        path = folder / name
        with path.open("wb") as file:
            async for piece in request.stream():
                await run_in_threadpool(file.write, piece)
        self._session = await run_in_threadpool(Session, path, None, folder)
        self._dropped = True
        return JSONResponse({"name": name})

    async def _result(self, _: Request) -> Response:
        return _download(self.session.target)

    async def _spans(self, _: Request) -> Response:
        return _download(self.session.spans_file)


def _download(path: Path) -> Response:
    if not path.is_file():
        raise InputError("Nothing is saved yet: press Save first.")
    name = quote(path.name.encode("utf-8", "replace"), safe="")
    return FileResponse(path, headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}"})


async def _json(request: Request) -> Any:
    """What a request holds; only our page sends JSON with this type, which other sites cannot."""
    if request.headers.get("content-type") != "application/json":
        raise ValueError("no JSON")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_TEXT:
            raise ValueError("too long")
    return json.loads(body)


def serve(server: Server, *, port: int, ready: Callable[[str], None]) -> None:
    """Answer until Ctrl-C.

    Args:
        port: of the loopback address; 0 takes a free one.
        ready: called with the page's address.

    Raises:
        InputError: the port is taken.
    """
    config = uvicorn.Config(
        server.app(), host=HOST, port=port, log_level="error", access_log=False, lifespan="off", ws="none"
    )
    running = _Running(config, lambda bound: ready(f"http://{HOST}:{bound}/{server.token}/"))
    try:
        running.run()
    except SystemExit:
        raise InputError(f"The port {port} cannot be used: leave --port out, or name another one.") from None


class _Running(uvicorn.Server):
    """A server that says where it listens."""

    def __init__(self, config: uvicorn.Config, bound: Callable[[int], None]) -> None:
        super().__init__(config)
        self._bound = bound

    async def startup(self, sockets: Any = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        if self.started and not self.should_exit:
            self._bound(self.servers[0].sockets[0].getsockname()[1])
