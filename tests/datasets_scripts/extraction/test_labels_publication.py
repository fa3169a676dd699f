"""Labels go to the Hub privately, and in public only by a licence."""

import pytest

from datasets_scripts.extraction.publication import PublicationArguments


def test_public_labels_need_a_licence():
    with pytest.raises(ValueError, match=r"publish what was read from reports of patients.*`--hub_license`"):
        PublicationArguments(push_to_hub="group/labels", hub_public=True)


def test_a_licence_without_an_upload_is_refused():
    with pytest.raises(ValueError, match=r"`--hub_license` is for an upload\. Name the dataset with `--push_to_hub`"):
        PublicationArguments(hub_license="cc-by-4.0")


def test_where_no_dataset_is_named_nothing_is_checked_or_uploaded(tmp_path):
    PublicationArguments().check()

    assert PublicationArguments().push(None, tmp_path) == []
