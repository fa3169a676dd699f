"""The parser of scripts that add their flags one by one: it explains itself as they do, and names mistyped flags."""

import argparse

from .parser import suggest


UNKNOWN = "unrecognized arguments: "


class ScriptParser(argparse.ArgumentParser):
    """A parser whose help shows the docstring of a script as it is written, and which knows no abbreviations."""

    def __init__(self, description: str | None) -> None:
        super().__init__(
            description=description, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
        )

    def error(self, message: str) -> None:  # type: ignore[override]
        """End with exit code 2, and with the flag that was meant where one is near."""
        if message.startswith(UNKNOWN):
            words = [word.partition("=")[0] for word in message.removeprefix(UNKNOWN).split() if word.startswith("-")]
            if words:
                known = list(self._option_string_actions)
                message = f"There is no flag `{words[0]}`.{suggest(words[:1], known)} See --help for all flags."
        super().error(message)
