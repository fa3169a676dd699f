"""The card of a prepared corpus: licence, citation, splits, label counts, and how much was left out."""

import pytest
from helpers.records.mimic_iv_ecg_records import write_mimic_corpus
from huggingface_hub import DatasetCard

from datasets_scripts.prepare.corpus import prepare_corpus
from datasets_scripts.prepare.labels import tell_next


@pytest.fixture(scope="module")
def card(ptb_xl_dir, tmp_path_factory):
    """The card of the small corpus, of which one record cannot be read."""
    folder = tmp_path_factory.mktemp("card")
    prepare_corpus("ptb_xl", output_dir=folder / "out", data_dir=str(ptb_xl_dir), on_error="skip")
    return DatasetCard.load(folder / "out" / "README.md")


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    """A corpus whose reports nobody has read: report, page and card."""
    folder = tmp_path_factory.mktemp("mimic")
    write_mimic_corpus(folder)
    report = prepare_corpus("mimic_iv_ecg", output_dir=folder / "out", data_dir=str(folder))
    return report, *(
        (folder / "out" / name).read_text(encoding="utf-8") for name in ("build_report.html", "README.md")
    )


class TestHeader:
    def test_the_licence_is_that_of_the_source_by_its_name_on_the_hub(self, card):
        assert (card.data["license"], card.data["pretty_name"]) == ("cc-by-4.0", "PTB-XL")

    def test_the_number_of_rows_is_told_in_the_words_of_the_hub(self, card):
        assert card.data["size_categories"] == ["n<1K"]


class TestText:
    def test_splits_are_counted(self, card):
        assert "| train | 14 | 14 | 14 | 0 |" in card.text

    def test_labels_are_counted_where_they_are_known(self, card):
        assert "| label | positive in train | known | positive in validation | known |" in card.text
        assert "| NORM | " in card.text

    def test_what_was_left_out_is_told_in_numbers(self, card):
        assert "## What was left out\n\nNo record was left out." in card.text

    def test_what_to_cite_is_told(self, card):
        assert "## Citation\n\nP. Wagner, N. Strodthoff et al. PTB-XL" in card.text

    def test_records_that_could_not_be_read_are_counted_and_not_named(self, ptb_xl_dir, tmp_path, monkeypatch):
        monkeypatch.setattr("datasets_scripts.ptb_xl.read_wfdb_record", _refuse)
        prepare_corpus("ptb_xl", output_dir=tmp_path / "out", data_dir=str(ptb_xl_dir), on_error="skip")

        text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
        assert "18 records could not be read and were left out." in text
        assert "secret" not in text


class TestNoLabelsYet:
    def test_the_page_says_so_and_how_to_get_some_where_it_drew_empty_bars(self, unlabelled):
        _, page, _ = unlabelled

        labels = page.partition("<h2>Labels</h2>")[2].partition("</section>")[0]
        assert "No labels yet: of no row is any label known." in labels
        assert "python -m datasets_scripts.extraction --reports" in labels
        assert "<svg" not in labels

    def test_the_card_says_so_too_without_a_place_on_this_machine(self, unlabelled):
        _, _, card = unlabelled

        assert "## Labels\n\nNo labels yet: of no row is any label known." in card
        assert "--reports . --backend rules" in card

    def test_reports_are_counted(self, unlabelled):
        report, _, _ = unlabelled

        assert {name: split["num_reports"] for name, split in report["splits"].items()} == {
            name: split["num_rows"] for name, split in report["splits"].items()
        }

    @pytest.mark.parametrize(
        ("corpus", "expected"),
        [("ecg_folder", "column `labels` of metadata.csv"), ("sph", "no reports either")],
    )
    def test_where_there_are_no_reports_it_is_not_told_to_read_them(self, corpus, expected):
        assert expected in tell_next({"train": {"num_reports": 0}}, corpus, folder="out")


def _refuse(path, **_options):
    """A record that cannot be read; the message names something that is not to leave."""
    raise ValueError("secret of a patient")
