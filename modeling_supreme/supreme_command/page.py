"""`supreme app`: the page in the browser."""

from ..browser_app.desk import Desk, Limits
from ..browser_app.server import run
from ..command_line.threads import say_threads
from .arguments import AppArguments, ModelArguments
from .lists import load_lists


def serve_page(arguments: AppArguments, model: ModelArguments) -> None:
    """Serve the page until the process is interrupted."""
    say_threads()
    limits = Limits(arguments.upload_mb, arguments.answer_s, arguments.most_labels)
    desk = Desk(model.model, **model.loading, limits=limits)
    run(desk, load_lists(), host=arguments.host, port=arguments.port, open_browser=arguments.open_browser)
