"""Headers of the Challenges: age, sex and codes in both dialects, and the records that a folder lists."""

import pytest
from helpers.records.challenge_records import write_challenge_record
from helpers.records.ptb_xl_records import make_microvolts
from hypothesis import example, given
from hypothesis import strategies as st

from datasets_scripts.readers.challenge_headers import (
    HeaderComments,
    find_headers,
    parse_comments,
    read_comments,
    signal_path,
)


SIGNAL_LINES = "E00001 1 500 5000\nE00001.mat 16+24 1000/mV 16 0 -68 1250 0 I\n"


def parse(text):
    return parse_comments(text, source="E00001.hea")


class TestComments:
    @pytest.mark.parametrize(
        "comments",
        [
            "#Age: 85\n#Sex: Male\n#Dx: 164889003,59118001\n",
            "# Age: 85\n# Sex: Male\n# Dx: 164889003,59118001\n",
            "#Age:85\n#Sex:M\n#Dx:164889003, 59118001,\n",
            "# age: 85\r\n# sex: male\r\n# dx: 164889003,59118001,164889003\r\n",
            "#Dx: 164889003,59118001\n#Sex: Male\n#Age: 85.0\n#Dx: 426783006\n",
        ],
        ids=["ecg-arrhythmia", "Challenge 2021", "no blanks", "small letters", "other order, second Dx"],
    )
    def test_every_dialect_says_the_same(self, comments):
        assert parse(SIGNAL_LINES + comments) == HeaderComments(85.0, "male", ("164889003", "59118001"))

    @pytest.mark.parametrize("codes", ["", "Unknown", " NaN ", ","])
    def test_a_record_may_have_no_diagnosis(self, codes):
        assert parse(f"#Dx:{codes}").snomed_ct_codes == ()

    def test_age_and_sex_may_be_absent(self):
        assert parse("#Dx: 426783006") == HeaderComments(None, None, ("426783006",))

    def test_a_header_without_diagnoses_is_refused(self):
        with pytest.raises(ValueError, match=r'E00001\.hea has no line `#Dx:`.*"ecg_folder"'):
            parse("# age: 81\n# sex: female\n# Diagnose:\n")

    @pytest.mark.parametrize("code", ["AFIB", "12345", "1648-89003", "164889003 59118001"])
    def test_what_is_no_code_is_refused(self, code):
        with pytest.raises(ValueError, match=rf"E00001\.hea lists the diagnosis '{code}'.*Correct its `#Dx:`"):
            parse(f"#Dx: 164889003,{code}")

    def test_a_header_in_latin_1_is_read(self, tmp_path):
        path = tmp_path / "E00001.hea"
        path.write_bytes("# Hx: Überlastung\n# Age: 85\n# Dx: 426783006\n".encode("latin-1"))

        assert read_comments(path) == HeaderComments(85.0, None, ("426783006",))

    def test_a_missing_header_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"E00001\.hea does not exist\. Complete the download"):
            read_comments(tmp_path / "E00001.hea")


@given(
    age=st.integers(0, 122),
    sex=st.sampled_from(["Male", "male", "M", "Female", "female", "F"]),
    codes=st.lists(st.integers(10**5, 10**17), min_size=1, max_size=9, unique=True),
    blank=st.sampled_from(["", " ", "  ", "\t"]),
    newline=st.sampled_from(["\n", "\r\n"]),
    noise=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20),
)
def test_what_a_header_says_is_read_in_every_spelling(age, sex, codes, blank, newline, noise):
    lines = [
        f"#{blank}{noise}",
        f"#{blank}Age:{blank}{age}",
        f"#Sex: {sex}",
        f"#{blank}Dx: {','.join(map(str, codes))}",
    ]

    comments = parse(newline.join(lines[1:] + lines[:1]))

    assert comments.age == age
    assert comments.sex == {"m": "male", "f": "female"}[sex[0].lower()]
    assert comments.snomed_ct_codes == tuple(map(str, codes))


@given(st.text(max_size=200))
@example("#Dx:\x00")
@example("#Dx: ١٦٤٨٨٩٠٠٣")
def test_whatever_follows_the_diagnoses_are_codes_or_refused_in_words(text):
    try:
        codes = parse(f"#Age: {text}\n#Dx: {text}").snomed_ct_codes
    except ValueError as error:
        assert "Correct its `#Dx:`" in str(error)  # noqa: PT017
    else:
        assert all(6 <= len(code) <= 18 for code in codes)


class TestRecordLists:
    @pytest.fixture
    def folder(self, tmp_path):
        """Records g1/E00001, g1/E00002 and g2/E00003."""
        microvolts = make_microvolts(1).T[:, :10]
        write_challenge_record(tmp_path / "g1" / "E00002", microvolts)
        write_challenge_record(tmp_path / "g1" / "E00001", microvolts)
        write_challenge_record(tmp_path / "g2" / "E00003", microvolts)
        return tmp_path

    def names(self, folder, **options):
        return [header.relative_to(folder).as_posix() for header in find_headers(folder, **options)]

    def test_without_lists_all_headers_are_found_in_order(self, folder):
        assert self.names(folder) == ["g1/E00001.hea", "g1/E00002.hea", "g2/E00003.hea"]

    def test_lists_of_folders_and_records_are_followed(self, folder):
        (folder / "RECORDS").write_text("g2/\ng1/\n")
        (folder / "g1" / "RECORDS").write_text("E00002\nE00001\n")

        assert self.names(folder) == ["g2/E00003.hea", "g1/E00002.hea", "g1/E00001.hea"]

    def test_a_list_may_name_records_by_path_and_with_an_extension(self, folder):
        (folder / "RECORDS").write_text("g2/E00003.mat\r\n\r\ng1/E00001.hea\r\ng1\r\n")

        assert self.names(folder) == ["g2/E00003.hea", "g1/E00001.hea", "g1/E00001.hea", "g1/E00002.hea"]

    def test_a_listed_record_that_is_absent_is_returned(self, folder):
        (folder / "g2" / "RECORDS").write_text("E00003\nE00004\n")

        assert self.names(folder / "g2") == ["E00003.hea", "E00004.hea"]

    def test_a_listed_folder_that_is_absent_is_refused(self, folder):
        (folder / "RECORDS").write_text("g1/\ng3/\n")

        with pytest.raises(FileNotFoundError, match=r"/g3 does not exist, though it is listed.*Complete.*--on_error"):
            find_headers(folder)

    def test_listed_folders_that_are_absent_can_be_collected(self, folder):
        (folder / "RECORDS").write_text("g3/\ng2/\n")
        absent_folders = []

        assert self.names(folder, absent_folders=absent_folders) == ["g2/E00003.hea"]
        assert absent_folders == [folder / "g3"]

    def test_the_signal_file_is_the_one_that_is_there(self, folder):
        (folder / "g1" / "E00001.mat").rename(folder / "g1" / "E00001.dat")

        assert signal_path(folder / "g1" / "E00001.hea").name == "E00001.dat"
        assert signal_path(folder / "g1" / "E00009.hea").name == "E00009.mat"


@pytest.mark.data
def test_real_headers_of_both_dialects_are_read(data_dir):
    folder = data_dir / "chapman-shaoxing-ningbo" / "WFDBRecords"

    first, last = (read_comments(folder / name) for name in ("01/010/JS00001.hea", "20/206/JS20019.hea"))

    assert first == HeaderComments(85.0, "male", ("164889003", "59118001", "164934002"))
    assert last == HeaderComments(70.0, "male", ("284470004", "164934002", "427084000"))
