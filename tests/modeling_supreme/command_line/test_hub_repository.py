"""A repository of the Hub that a user names is checked before any work, and is private unless asked otherwise."""

import httpx2
import pytest
from helpers.made_hub import MadeHub
from huggingface_hub.errors import HFValidationError

from modeling_supreme.command_line import CommandLineError, hub
from modeling_supreme.command_line.hub import UploadError, check_hub, upload_files


@pytest.fixture
def made_hub(monkeypatch):
    """A Hub on which ann is logged in."""
    made_hub = MadeHub()
    monkeypatch.setattr(hub, "HfApi", made_hub)
    return made_hub


def check(repo_id, *, is_public=False):
    check_hub(repo_id, flag="--push_to_hub", is_public=is_public, repo_type="dataset")


def upload(files):
    return upload_files(files, "ann/model", message="Up", remedy="Repeat the command.", is_public=False)


REFUSALS = [
    PermissionError("403\n\nForbidden"),
    httpx2.ConnectError("403 Forbidden"),
    httpx2.ReadTimeout("403 Forbidden"),
]


class TestCheck:
    def test_the_repository_is_made_and_private(self, made_hub):
        check("ann/corpus")

        assert made_hub.is_private == {"ann/corpus": True}

    def test_without_a_login_it_is_refused(self, made_hub):
        made_hub.login = None

        with pytest.raises(CommandLineError, match=r"`--push_to_hub` ann/corpus cannot be .*`hf auth login`"):
            check("ann/corpus")

    def test_a_name_that_cannot_be_is_refused(self, made_hub):
        made_hub.refusal = HFValidationError("Repo id must use alphanumeric chars")

        with pytest.raises(CommandLineError, match=r"ann/my corpus cannot be written to .*alphanumeric"):
            check("ann/my corpus")

    @pytest.mark.parametrize("refusal", REFUSALS, ids=repr)
    def test_a_repository_of_others_is_refused(self, made_hub, refusal):
        made_hub.refusal = refusal

        with pytest.raises(CommandLineError, match=r"bob/corpus cannot be written to .*a repository of yours"):
            check("bob/corpus")

    def test_a_public_repository_is_refused_unless_it_is_asked_for(self, made_hub):
        made_hub.is_private["ann/open"] = False

        check("ann/open", is_public=True)
        with pytest.raises(CommandLineError, match=r"ann/open, to which .* is public\. Make it private.*--hub_public"):
            check("ann/open")


class TestUpload:
    def test_files_and_contents_go_under_the_names_given(self, made_hub, tmp_path):
        (tmp_path / "card").write_text("a", encoding="utf-8")

        names = upload({"README.md": tmp_path / "card", "b.json": b"{}"})

        assert names == ["README.md", "b.json"]
        assert made_hub.files == {"README.md": b"a", "b.json": b"{}"}

    @pytest.mark.parametrize("refusal", REFUSALS, ids=repr)
    def test_what_the_hub_refuses_in_the_end_is_told_in_one_line_with_a_remedy(self, made_hub, refusal):
        made_hub.refusal = refusal

        with pytest.raises(UploadError, match=r"The upload to ann/model failed \(.*403 Forbidden\)\. Repeat the comm"):
            upload({"config.json": b"{}"})

    def test_nothing_goes_to_a_repository_that_was_made_public_meanwhile(self, made_hub):
        made_hub.is_private["ann/model"] = False

        with pytest.raises(CommandLineError, match=r"ann/model, to which this would be uploaded, is public"):
            upload({"config.json": b"{}"})

        assert made_hub.files == {}
