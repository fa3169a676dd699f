"""`TableFile`: every dialect is read alike, every row has its line, and one that is none costs no other."""

import bz2
import codecs
import gzip
import logging

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasets_scripts.readers.tables import REFUSED, TableFile, is_refused, make_rows


@pytest.fixture
def open_table(tmp_path):
    """A function that writes a table and opens it, with `file_name` as identifier."""

    def open_table(content, name="metadata.csv", **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        options = {"required": ("file_name",), "optional": ("age", "report"), "id_column": "file_name", **options}
        return TableFile(path, **options)

    return open_table


def lines_of(table):
    """Line, identifier and age of each row that can be read."""
    return [(row.line, row["file_name"], row["age"]) for row in table if row.problem is None]


def problems_of(table):
    """What is wrong with which line."""
    return {row.line: row.problem for row in table if row.problem is not None}


PLAIN = "file_name,age\na,50\nb,\n"
DIALECTS = {
    "commas": PLAIN,
    "semicolons": PLAIN.replace(",", ";"),
    "tabs": PLAIN.replace(",", "\t"),
    "bars": PLAIN.replace(",", "|"),
    "blanks behind commas": PLAIN.replace(",", ", "),
    "all in quotes": '"file_name","age"\n"a","50"\n"b",""\n',
    "carriage returns": PLAIN.replace("\n", "\r\n"),
    "old Macintosh": PLAIN.replace("\n", "\r"),
    "no line break at the end": PLAIN[:-1],
    "byte order mark": codecs.BOM_UTF8 + PLAIN.encode(),
    "UTF-16": PLAIN.encode("utf-16"),
    "UTF-16 without a mark": PLAIN.encode("utf-16-le"),
    "big-endian UTF-16": codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"),
    "UTF-32": PLAIN.encode("utf-32"),
    "other letters in the names": PLAIN.replace("file_name", " File-Name ").replace("age", "AGE"),
    "names without underscores": PLAIN.replace("file_name", "FileName"),
    "empty cells left out": PLAIN.replace("b,", "b"),
    "empty cells at the end": "file_name,age,,\na,50,,\nb,,,\n",
}


@pytest.mark.parametrize("content", DIALECTS.values(), ids=DIALECTS)
def test_every_dialect_says_the_same(open_table, content):
    table = open_table(content)

    assert lines_of(table) == [(2, "a", "50"), (3, "b", None)]
    assert (table.unused, table.remarks) == ([], [])


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [
        (".gz", gzip.compress),
        (".bz2", bz2.compress),
        (".zst", lambda content: pa.compress(content, codec="zstd", asbytes=True)),
    ],
)
def test_a_compressed_table_is_read_through(open_table, suffix, compress):
    assert lines_of(open_table(compress(PLAIN.encode()), name=f"t.csv{suffix}")) == [(2, "a", "50"), (3, "b", None)]


def test_an_excel_sheet_is_a_table(tmp_path):
    path = tmp_path / "metadata.xlsx"
    pd.DataFrame({"File name": ["a", "b"], "age": [50, None]}).to_excel(path, index=False)

    table = TableFile(path, required=("file_name",), optional=("age",))

    assert lines_of(table) == [(2, "a", "50"), (3, "b", None)]


def test_empty_lines_comments_and_the_first_line_of_excel_are_passed_over_but_counted(open_table):
    table = open_table("sep=;\n\n# written by hand\nfile_name;age\n\na;50\n;\nb;\n")

    assert lines_of(table) == [(6, "a", "50"), (8, "b", None)]


def test_a_file_that_is_no_unicode_is_read_as_windows_1252_and_that_is_said(open_table):
    table = open_table("file_name,report\na,normal\nb,Überleitung für 5 €\n".encode("cp1252"))

    assert [row["report"] for row in table] == ["normal", "Überleitung für 5 €"]
    assert len(table.remarks) == 1
    assert "metadata.csv is not in UTF-8 (line 3) and was read as Windows-1252" in table.remarks[0]


def test_further_columns_are_kept_and_named(open_table):
    table = open_table("file_name,site,age\na,X,50\n")

    assert table.unused == ["site"]
    assert [(row["site"], row["age"]) for row in table] == [("X", "50")]


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", r"metadata\.csv is empty\. Correct its first line"),
            ("\n \n", r"metadata\.csv is empty"),
            (
                "file,age\na,1\n",
                r"metadata\.csv has no column file_name \(its columns are 'file', 'age'; is file meant",
            ),
            ("File Name,file_name\na,b\n", r"metadata\.csv, line 1: two columns are named file_name\. Rename one"),
            (b"\x00\x01\xff\xfe\x00", r"metadata\.csv is no text .*Save it as CSV in UTF-8"),
        ],
    )
    def test_what_is_no_such_table_is_refused(self, open_table, content, message):
        with pytest.raises(ValueError, match=message):
            open_table(content)

    @pytest.mark.parametrize(
        "content", [b"no gzip", gzip.compress(PLAIN.encode(), mtime=0)[:-9]], ids=["no archive", "cut short"]
    )
    def test_a_damaged_archive_is_refused(self, open_table, content):
        with pytest.raises(ValueError, match=r"t\.csv\.gz cannot be read .*Copy it again"):
            open_table(content, name="t.csv.gz")

    def test_a_missing_table_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"none\.csv"):
            TableFile(tmp_path / "none.csv")


class TestProblems:
    @pytest.mark.parametrize(
        ("content", "line", "problem", "others"),
        [
            ('file_name,report\na,"sinus\nb,AF\nc,SR\n', 2, "never closed", ["b", "c"]),
            ('file_name,report\na,SR\nb,"sinus\nc,"AF"\nd,SR\n', 3, "ends within a cell", ["a", "c", "d"]),
            ('file_name,report\na1,"sinus\nb2,AF"\nc3,SR\n', 2, "closed only behind other rows", ["b2", "c3"]),
            ('file_name,report\n"a","sinus\n"b","AF"\n', 2, "ends within a cell", ["b"]),
            ('file_name,report\na,5" tall\nb,"5" tall"\nc,x\n', 3, "ends within a cell", ["a", "c"]),
            ("file_name,report\na,seen, twice\nb,x\n", 2, r"3 cells, but the table has 2 columns", ["b"]),
            ("file_name,report\n,x\nb,x\n", 2, r"the cell of file_name is empty\. Fill it", ["b"]),
            ("file_name,report\na,x\nb,x\na,y\n", 4, r"file_name 'a' stands in line 2 already", ["a", "b"]),
            (f'file_name,report\na,"{"x" * 200_000}\nb,x\n', 2, "more than 131,072 letters", ["b"]),
        ],
        ids=["never closed", "closed late", "swallowing", "all quoted", "inches", "comma", "empty", "twice", "long"],
    )
    def test_a_row_that_is_none_is_named_and_takes_no_other_with_it(self, open_table, content, line, problem, others):
        table = open_table(content)

        assert [row["file_name"] for row in table if row.problem is None] == others
        assert list(problems_of(table)) == [line]
        assert problem.replace("\\", "") in problems_of(table)[line]

    def test_no_problem_quotes_a_report(self, open_table):
        table = open_table('file_name,report\na,"patient seen\nb,patient seen, twice\nc,"patient" x\n')

        assert len(problems_of(table)) == 3
        assert not any("patient" in problem for problem in problems_of(table).values())

    @pytest.mark.parametrize(
        "report", ["Sinus rhythm\nLVH, old infarct", "1\n2, 3", "a, b\nc", 'said "normal"\n', "x\n\ny"]
    )
    def test_a_text_in_quotes_may_hold_anything(self, open_table, report):
        quoted = '"' + report.replace('"', '""') + '"'

        table = open_table(f"file_name,report\nr1,{quoted}\nr2,x\n")

        assert [row["report"] for row in table] == [report.strip(), "x"]
        assert [row.line for row in table] == [2, 3 + report.count("\n")]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    reports=st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20), min_size=1),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
def test_what_pandas_writes_is_read(open_table, tmp_path, reports, separator, encoding):
    names = [f"r{number}" for number in range(len(reports))]
    pd.DataFrame({"file_name": names, "report": reports}).to_csv(
        tmp_path / "made.csv", sep=separator, encoding=encoding, index=False
    )

    table = open_table((tmp_path / "made.csv").read_bytes())

    assert [row["file_name"] for row in table] == names
    assert [row["report"] or "" for row in table] == [report.strip() for report in reports]


class TestMakeRows:
    def read_age(self, row):
        return {"record_id": row["file_name"], "age": row.read("age", float)}

    def test_the_first_row_that_cannot_be_right_stops_with_file_line_column_and_remedy(self, open_table):
        table = open_table("file_name,age\na,50\nb,old\nc,x\n")

        with pytest.raises(
            ValueError, match=r"metadata\.csv, line 3: column age: .*'old'\. Correct the cell\. .*on_error=\"skip\""
        ):
            make_rows(table, self.read_age)

    def test_or_it_is_left_out_with_its_reason(self, open_table):
        table = open_table('file_name,age\na,50\nb,old\n,7\nc,"7\n')

        rows = make_rows(table, self.read_age, on_error="skip")

        assert rows[0] == {"record_id": "a", "age": 50.0}
        assert all(map(is_refused, rows[1:]))
        assert [row["record_id"] for row in rows[1:]] == ["b", "metadata.csv, line 4", "metadata.csv, line 5"]
        assert "line 3: column age" in rows[1][REFUSED]

    def test_what_was_said_of_the_table_is_logged(self, open_table, caplog, monkeypatch):
        monkeypatch.setattr(logging.getLogger("datasets"), "propagate", True)

        make_rows(open_table("file_name,age\nä,50\n".encode("latin-1")), self.read_age)

        assert "read as Windows-1252" in caplog.text
