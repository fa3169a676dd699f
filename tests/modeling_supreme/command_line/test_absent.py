"""What cannot be loaded by its name is said in one sentence, with the flag; what is told already stays as it is."""

import pytest

from modeling_supreme.command_line import CommandLineError
from modeling_supreme.command_line.hub import told_when_absent


def test_the_first_line_of_a_library_is_kept_and_the_remedy_added():
    expected = r"^The model big/one cannot be loaded \(no connection\)\. Correct `--model`\.$"

    with (
        pytest.raises(CommandLineError, match=expected),
        told_when_absent("The model", "big/one", remedy="Correct `--model`."),
    ):
        raise OSError("no connection.\nSee https://a.library/offline-mode")


def test_an_error_without_words_is_called_by_its_kind():
    with (
        pytest.raises(CommandLineError, match=r"cannot be loaded \(TimeoutError\)"),
        told_when_absent("The model", "big/one", remedy="Wait."),
    ):
        raise TimeoutError


def test_what_is_meant_for_the_user_already_is_not_wrapped_again():
    with pytest.raises(CommandLineError, match=r"^Give a folder\.$"), told_when_absent("A", "b", remedy="C."):
        raise CommandLineError("Give a folder.")
