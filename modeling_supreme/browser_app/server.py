"""Serves the page: on this machine alone unless told otherwise, and with nothing that a browser fetches elsewhere."""

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..plotting import palette
from .desk import Desk
from .visits import Visits


# Fonts of the visitor's own machine: those of a library's theme would be fetched from Google
FONTS = ("system-ui", "sans-serif")
FONTS_OF_CODE = ("ui-monospace", "monospace")
# What a browser may load and where it may send anything: this server. The library's templates need `eval`.
RULE = (
    "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:; connect-src 'self'; form-action 'self';"
    " base-uri 'self'; object-src 'none'"
)
HEADERS = {
    "content-security-policy": RULE,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}
SILENT = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}


@dataclass
class Server:
    """A page that is being served.

    Attributes:
        url (`str`):
            Where.
        visits ([`Visits`]):
            Who looks at it.
        page (`gr.Blocks`):
            What they see.
    """

    url: str
    visits: Visits
    page: Any
    folder: tempfile.TemporaryDirectory

    def wait(self) -> None:
        """Serve until the process is interrupted."""
        try:
            self.page.block_thread()
        finally:
            self.close()

    def close(self) -> None:
        """Stop, and delete all files."""
        self.page.close(verbose=False)
        self.folder.cleanup()


def start_server(
    desk: Desk,
    lists: Mapping[str, Sequence[str]],
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    open_browser: bool = False,
) -> Server:
    """Serve the page in the background.

    Args:
        desk ([`Desk`]):
            Answers.
        lists (`Mapping[str, Sequence[str]]`):
            Conditions that can be asked for by one name.
        host (`str`):
            Address to listen at; `"0.0.0.0"` for all of the network.
        port (`int`, *optional*):
            Port; the first free one from 7860 on by default.
        open_browser (`bool`):
            Whether to show the page.

    Raises:
        ImportError: If the package that serves pages is not installed.
        OSError: If the port is taken.
    """
    folder = tempfile.TemporaryDirectory(prefix="supreme_app_")
    os.environ.update(SILENT)
    os.environ["GRADIO_TEMP_DIR"] = folder.name
    gr = _import_gradio()
    from starlette.middleware import Middleware

    from .page import FOLDER, build_page

    visits = Visits(Path(folder.name) / "visits")
    page = build_page(desk, visits, lists)
    theme = gr.themes.Default(primary_hue="blue", font=list(FONTS), font_mono=list(FONTS_OF_CODE)).set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_hover_dark="*primary_800",
        checkbox_border_color="*neutral_500",
        checkbox_border_color_dark="*neutral_300",
    )
    _, url, _ = page.launch(
        server_name=host,
        server_port=port,
        inbrowser=open_browser,
        prevent_thread_lock=True,
        share=False,
        quiet=True,
        show_error=False,
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        ssr_mode=False,
        max_file_size=f"{desk.limits.upload_mb}mb",
        css=_write_style(FOLDER / "page.css"),
        theme=theme,
        app_kwargs={"middleware": [Middleware(OnlyHere)], "docs_url": None, "redoc_url": None},
    )
    return Server(url, visits, page, folder)


def _write_style(path: Path) -> str:
    """The style of the page, which calls colours by their names."""
    names = (name for name in dir(palette) if name.isupper())
    colours = "".join(f"--{name.lower().replace('_', '-')}:{getattr(palette, name)};" for name in names)
    return f":root{{{colours}}}\n{path.read_text(encoding='utf-8')}"


def _import_gradio() -> Any:
    """The library that serves pages."""
    try:
        import gradio
    except ModuleNotFoundError as error:
        raise ImportError(
            "`supreme app` takes the package `gradio`, which is not installed here. Install it with"
            " `pip install 'modeling-supreme[app]'`."
        ) from error
    return gradio


class OnlyHere:
    """Adds to each response the rule by which a browser loads nothing from elsewhere and sends nothing there."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request."""

        async def send_with_rule(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        await self._app(scope, receive, send_with_rule)


def run(desk: Desk, lists: Mapping[str, Sequence[str]], **options: Any) -> None:
    """Serve the page until the process is interrupted, and say where."""
    server = start_server(desk, lists, **options)
    sys.stderr.write(
        f"The page is at {server.url} (this machine alone unless `--host` says otherwise). Stop it with Ctrl-C; what"
        " visitors dropped is deleted then.\n"
    )
    server.wait()
