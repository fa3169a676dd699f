"""Tables of voltages, as recorders, watches, spreadsheets and statistics programs write them: the same recording."""

import gzip
import math

import numpy as np
import pytest
from helpers.strips import make_strip
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modeling_supreme import ecg_tables
from modeling_supreme.ecg_files import is_ecg_file, read_ecg
from modeling_supreme.leads import STANDARD_LEADS


VOLTAGES = np.round(make_strip(duration_s=1.2)[:, :600], 3)  # (12, 600), mV
WATCH = (
    'Name,Test Person\nDate of Birth,"Feb 5, 1952"\nRecorded Date,2020-02-05 09:14:40 -0400\n'
    'Classification,Sinus Rhythm\nSymptoms,\nSoftware Version,1.51\nDevice,"Watch5,4"\n{rate},512.844 hertz\n\n\n'
    "{lead},{lead} I\n{unit},\u00b5V\n\n"
)


def make_table(separator=",", mark=".", names=STANDARD_LEADS, values=VOLTAGES, first=None):
    """A column per row of values, numbers with three decimals; `first` stands in front of each line."""
    lines = [separator.join(f"{value:.3f}".replace(".", mark) for value in row) for row in values.T]
    lines = [f"{start}{separator}{line}" for start, line in zip(first, lines, strict=True)] if first else lines
    heading = [separator.join([*(["time"] if first else []), *names])] if names else []
    return "\n".join([*heading, *lines, ""])


def read(folder, text, name="rec.csv", encoding="utf-8", **options):
    (folder / name).write_bytes(text.encode(encoding))
    return read_ecg(folder / name, **{"sampling_rate": 500, **options})


def check(recording, voltages=VOLTAGES, leads=STANDARD_LEADS):
    assert recording.leads == tuple(leads)
    np.testing.assert_allclose(recording.strip_mv, voltages, atol=1e-6)


class TestDialects:
    @pytest.mark.parametrize(
        ("separator", "mark"), [(",", "."), (";", ","), (";", "."), ("\t", ","), ("\t", "."), ("|", "."), (" ", ",")]
    )
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
    def test_separators_decimal_marks_and_encodings(self, tmp_path, separator, mark, encoding):
        check(read(tmp_path, make_table(separator, mark), encoding=encoding))

    @pytest.mark.parametrize(
        "text",
        [
            make_table().replace("\n", "\r\n"),
            make_table().replace("\n", "\r"),
            make_table().replace("\n", ",\n"),
            make_table(", "),
            make_table() + "\n# the end\n\n",
            "# recorded in 2020\n\n" + make_table(),
            "% a comment\n// another\n" + make_table(),
            "# " + make_table(),
            "\n".join('"' + line.replace(",", '","') + '"' for line in make_table().split("\n")[:-1]),
            "".join(f"{lead:>8}" for lead in STANDARD_LEADS)
            + "".join("\n" + "".join(f"{value:8.3f}" for value in row) for row in VOLTAGES.T),
        ],
        ids=["CRLF", "CR", "end", "blanks", "footer", "comments", "marks", "numpy", "quotes", "fixed width"],
    )
    def test_lines_and_cells_come_in_many_forms(self, tmp_path, text):
        check(read(tmp_path, text))

    @pytest.mark.parametrize("name", ["rec.tsv", "rec.txt", "rec.asc", "rec"])
    def test_the_content_tells_a_table_not_the_ending(self, tmp_path, name):
        check(read(tmp_path, make_table("\t"), name))

    def test_a_packed_table_is_read(self, tmp_path):
        (tmp_path / "rec.csv.gz").write_bytes(gzip.compress(make_table().encode()))

        check(read_ecg(tmp_path / "rec.csv.gz", sampling_rate=500))

    @pytest.mark.parametrize("cell", ["", "NA", "NaN", "nan", "null", "NULL", "None", "-", "--", "n/a"])
    def test_a_cell_may_say_that_nothing_was_recorded(self, tmp_path, cell):
        lines = make_table().split("\n")
        lines[101] = ",".join([cell, *lines[101].split(",")[1:]])

        recording = read(tmp_path, "\n".join(lines))

        assert recording.account.num_bridged_samples == 1
        np.testing.assert_allclose(recording.strip_mv[1:], VOLTAGES[1:], atol=1e-6)

    @pytest.mark.parametrize("separator", [",", ";"])
    def test_a_line_may_be_a_lead(self, tmp_path, separator):
        lines = [separator.join([lead, *map(str, row)]) for lead, row in zip(STANDARD_LEADS, VOLTAGES, strict=True)]

        check(read(tmp_path, "\n".join(lines)))
        check(read(tmp_path, "\n".join([separator.join(["lead", *map(str, range(600))]), *lines])))

    def test_a_table_without_names_takes_them_from_the_caller_whichever_way_it_lies(self, tmp_path):
        check(read(tmp_path, make_table(names=None), leads=STANDARD_LEADS))
        check(read(tmp_path, make_table(names=None, values=VOLTAGES.T), leads=list(STANDARD_LEADS)))

    @given(data=st.data())
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_mixture_of_dialects_gives_the_same_voltages(self, tmp_path, data):
        draw = data.draw
        separator, mark = draw(
            st.sampled_from([(",", "."), (";", ","), (";", "."), ("\t", ","), ("|", "."), (" ", ".")])
        )
        leads = draw(st.lists(st.sampled_from(STANDARD_LEADS), min_size=2, max_size=12, unique=True))
        spelled = [draw(st.sampled_from([lead, lead.lower(), f"{lead}(mV)", f"ECG_{lead}"])) for lead in leads]
        start = draw(st.sampled_from(["", "# device: x\n", "Sampling rate: 500 Hz\n\n", "\ufeff"]))
        newline = draw(st.sampled_from(["\n", "\r\n"]))
        units = draw(st.sampled_from(["", separator.join(["mV"] * len(leads)) + "\n"]))
        rows = VOLTAGES[[STANDARD_LEADS.index(lead) for lead in leads]]
        heading, _, numbers = make_table(separator, mark, spelled, rows).partition("\n")
        text = f"{start}{heading}\n{units}{numbers}".replace("\n", newline)

        check(read(tmp_path, text, encoding=draw(st.sampled_from(["utf-8", "utf-16", "utf-16-le"]))), rows, leads)


class TestWhatTablesSay:
    @pytest.mark.parametrize(
        "lines",
        ["# sampling rate 500", "Sampling Rate (Hz),500", "Sample rate: 0.5 kHz", "fs=500", "Abtastrate;500 Hz",
         "Fr\u00e9quence d'\u00e9chantillonnage,500 Hz", "2 msec/sample", "Sampling interval: 0.002 s"],
    )  # fmt: skip
    def test_the_rate_is_that_of_the_lines_above(self, tmp_path, lines):
        recording = read(tmp_path, f"Patient: X\n{lines}\nFilter: 0.05-150 Hz\n\n" + make_table(), sampling_rate=None)

        assert recording.sampling_rate == 500

    @pytest.mark.parametrize(
        "text",
        [
            make_table(names=[f"{lead} (uV)" for lead in STANDARD_LEADS]),
            make_table(names=[f"{lead} [\u00b5V]" for lead in STANDARD_LEADS]),
            make_table(names=None).join([",".join(STANDARD_LEADS) + "\n" + ",".join(["uV"] * 12) + "\n", ""]),
            "Unit: uV\n" + make_table(),
            "# unit \u03bcV\n" + make_table(),
        ],
        ids=["brackets", "square brackets", "line of units", "above", "comment"],
    )
    def test_the_unit_is_that_of_the_file(self, tmp_path, text):
        recording = read(tmp_path, text, unit="V")

        np.testing.assert_allclose(recording.strip_mv, VOLTAGES / 1000, atol=1e-9)
        assert recording.account.unit_from in ("file", "name")

    @pytest.mark.parametrize(("unit", "factor", "unit_from"), [(None, 1, "default"), ("uV", 1e-3, "argument")])
    def test_a_unit_that_the_file_does_not_state_is_the_callers(self, tmp_path, unit, factor, unit_from):
        recording = read(tmp_path, make_table(), unit=unit)

        np.testing.assert_allclose(recording.strip_mv, VOLTAGES * factor, atol=1e-6)
        assert recording.account.unit_from == unit_from

    @pytest.mark.parametrize(
        ("rate", "lead", "unit"),
        [
            ("Sample Rate", "Lead", "Unit"),
            ("Abtastrate", "Ableitung", "Einheit"),
            ("Frecuencia de muestreo", "Derivaci\u00f3n", "Unidad"),
        ],
    )
    @pytest.mark.parametrize("mark", [".", ","])
    def test_the_export_of_a_watch_says_all(self, tmp_path, rate, lead, unit, mark):
        text = WATCH.format(rate=rate, lead=lead, unit=unit)
        text += "".join(f"{value * 1000:.3f}\n".replace(".", mark) for value in VOLTAGES[0])

        recording = read(tmp_path, text, sampling_rate=None)

        check(recording, VOLTAGES[:1], ["I"])
        assert (recording.sampling_rate, recording.account.unit_from) == (512.844, "file")

    def test_the_export_of_a_chest_strap_needs_the_name_of_its_lead(self, tmp_path):
        text = "Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]\n" + "".join(
            f"2026-07-27T22:16:{place / 130:06.3f};{place * 7692308};{place * 7.692308:.6f};{value * 1000:.0f}\n"
            for place, value in enumerate(VOLTAGES[1])
        )

        with pytest.raises(ValueError, match=r"rec\.csv names none of the 12 leads: .*ecg \[uV\].*Pass `leads=`"):
            read(tmp_path, text, sampling_rate=None)
        recording = read(tmp_path, text, sampling_rate=None, leads="II")
        check(recording, VOLTAGES[1:2], ["II"])
        assert recording.sampling_rate == 130

    def test_the_export_of_physionet_names_clock_and_units(self, tmp_path):
        text = "'Elapsed time','MLII','V5'\n'hh:mm:ss.mmm','mV','mV'\n" + "".join(
            f"'0:{place / 360:06.3f}',{two:.3f},{five:.3f}\n"
            for place, (two, five) in enumerate(zip(VOLTAGES[1], VOLTAGES[10], strict=True))
        )

        recording = read(tmp_path, text, sampling_rate=None)

        check(recording, VOLTAGES[[1, 10]], ["II", "V5"])
        assert recording.sampling_rate == 360


class TestTime:
    @pytest.mark.parametrize(
        ("step", "name"), [(0.002, "time"), (2, "time"), (2, "t [ms]"), (2000, "Time (us)"), (0.002, "Zeit [s]")]
    )
    def test_a_column_of_time_gives_the_rate_and_is_left_out(self, tmp_path, step, name):
        text = make_table(first=[f"{place * step:.3f}" for place in range(600)]).replace("time", name, 1)

        recording = read(tmp_path, text, sampling_rate=None)

        check(recording)
        assert recording.sampling_rate == 500
        assert recording.account.left_out == {name: "a column of time"}

    @pytest.mark.parametrize("rate", [360, 500, 257, 249.89])
    def test_rounded_times_give_the_rate_that_was_meant(self, tmp_path, rate):
        text = make_table(first=[f"{place / rate:.3f}" for place in range(600)])

        assert read(tmp_path, text, sampling_rate=None).sampling_rate == pytest.approx(rate, rel=2e-3)

    def test_a_rate_that_time_contradicts_is_refused(self, tmp_path):
        text = make_table(first=[f"{place / 500:.3f}" for place in range(600)])

        with pytest.raises(
            ValueError, match=r"rec\.csv: its column time counts 500 Hz, not 250 Hz\. Leave `sampling_"
        ):
            read(tmp_path, text, sampling_rate=250)

    def test_lines_that_are_missing_leave_a_gap(self, tmp_path):
        times = [f"{(place + 100 * (place >= 300)) / 500:.3f}" for place in range(600)]

        recording = read(tmp_path, make_table(first=times), sampling_rate=None)

        assert recording.num_samples == 700
        assert recording.account.seconds_missing == dict.fromkeys(STANDARD_LEADS, 0.2)
        np.testing.assert_allclose(recording.strip_mv[:, 400:], VOLTAGES[:, 300:], atol=1e-6)

    @pytest.mark.parametrize("name", ["", "index", "sample #", "Unnamed: 0"])
    def test_a_column_that_counts_lines_is_left_out_and_gives_no_rate(self, tmp_path, name):
        text = make_table(first=list(range(600))).replace("time", name, 1)

        check(read(tmp_path, text))
        with pytest.raises(ValueError, match=r"rec\.csv does not state its sampling rate\. Pass `sampling_rate=`"):
            read(tmp_path, text, sampling_rate=None)

    def test_without_names_one_column_more_than_leads_is_time(self, tmp_path):
        text = make_table(names=None, first=[f"{place * 2}" for place in range(600)]).partition("\n")[2]

        recording = read(tmp_path, text, sampling_rate=None, leads=STANDARD_LEADS)

        assert recording.leads == STANDARD_LEADS
        assert recording.sampling_rate == 500

    def test_row_names_of_r_are_left_out(self, tmp_path):
        lines = make_table(" ").split("\n")
        text = "\n".join([lines[0], *(f'"{place}" {line}' for place, line in enumerate(lines[1:-1], 1))])

        check(read(tmp_path, text))

    def test_a_column_of_words_is_left_out(self, tmp_path):
        lines = make_table().split("\n")[:-1]
        text = "\n".join([f"{lines[0]},beat", *(f"{line},N" for line in lines[1:])])

        recording = read(tmp_path, text)

        check(recording)
        assert recording.account.left_out == {"beat": "a column of words"}


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            ("I,II\n1,two\n", {}, r"line 2, column II: the cell 'two' is no number\)\. Correct the line"),
            ("# x\n\nI,II\n1,2\n3,4\n5,6,7\n", {}, r"line 6 has 3 cells, not 2\)\. Correct the line"),
            ("1,2\n3,4\n5,b\n7,8\n", {"leads": ["I", "II"]}, r"line 3, column 2: the cell 'b' is no number"),
            ("I,1,2,3\nII,4,5\n", {}, r"line 2 has 2 numbers, not 3"),
            ("I,1,2,3\nI,4,5,6\n", {}, r"line 2 names I once more"),
            ("I,II\n", {}, r"it has no line of voltages\)\. Download or copy the file again"),
            ("words and words\nno numbers\n", {}, r"it has no line of numbers"),
        ],
    )
    def test_what_is_wrong_is_named_with_its_line(self, tmp_path, text, options, message):
        with pytest.raises(ValueError, match=rf"rec\.csv cannot be read \({message}"):
            read(tmp_path, text, **options)

    @pytest.mark.parametrize(
        ("text", "options", "message"),
        [
            ("I\n1\n", {"sampling_rate": None}, r"rec\.csv does not state its sampling rate\. Pass `sampling_rate=`"),
            ("1,9\n3,4\n5,6\n", {}, r"rec\.csv does not name its leads\. Pass `leads=`.* 2 leads"),
            ("x,y\n1,2\n", {}, r"rec\.csv names none of the 12 leads: its channels are x, y\. Pass `leads=`"),
            (
                "9,2\n3,4\n5,6\n",
                {"leads": ["I"]},
                r"shape \(2, 3\), but `leads` names 1 leads \(I\)\. Name every lead",
            ),
            ("I\n1\n", {"unit": "mmHg"}, r"`unit` is 'mmHg'.*Pass one of mV, uV, V"),
            ("I\n1\n", {"max_seconds": 0}, r"`max_seconds` is 0\. Give a time in seconds"),
            ("", {}, r"rec\.csv is no ECG file of a known kind, it is empty\. Download or copy the file again"),
            ("<html>", {}, r"rec\.csv is no ECG file .* it is a web page\. Download the file again"),
        ],
    )
    def test_what_is_missing_is_asked_for(self, tmp_path, text, options, message):
        with pytest.raises(ValueError, match=message):
            read(tmp_path, text, **options)

    @pytest.mark.parametrize("part", ["split_cells", "_to_number", "_find_separator", "_admit_table"])
    def test_a_mistake_in_our_own_code_is_not_taken_for_a_damaged_file(self, tmp_path, monkeypatch, part):
        def mistaken(*args, **kwargs):
            raise AssertionError("our own mistake")

        monkeypatch.setattr(ecg_tables, part, mistaken)

        with pytest.raises(AssertionError, match="our own mistake"):
            read(tmp_path, make_table())


def test_only_the_beginning_is_read_where_that_is_asked_for(tmp_path):
    recording = read(tmp_path, make_table(), max_seconds=1)

    check(recording, VOLTAGES[:, :500])
    assert math.isclose(recording.account.seconds_found, 1.2)


@pytest.mark.parametrize(
    ("name", "text", "is_ecg"),
    [
        ("a.csv", "time,I,II\n", True),
        ("a.csv", "1;2;3\n", True),
        ("a.csv", "time,ecg (mV)\n0,1\n1,2\n", True),
        ("a.csv", WATCH.format(rate="Sample Rate", lead="Lead", unit="Unit") + "1\n2\n", True),
        ("a.txt", make_table(" "), True),
        ("a.csv", "file_name,labels\n", False),
        ("a.csv", "ecg_id,age\n1,56\n2,19\n", False),
        ("a.csv", "x,y\n1,2\n3,4\n", False),
        ("rr.txt", "0.8\n0.9\n" * 30, False),
        ("README.md", "# ECGs\n" * 100, False),
        ("notes.txt", "Atrial fibrillation, 12 leads.", False),
        ("license.txt", "I, the licensor\nII. grant\nsection 3\n", False),
        ("requirements.txt", "numpy==2.4\nscipy>=1.11\n", False),
    ],
)
def test_tables_are_told_from_other_texts(tmp_path, name, text, is_ecg):
    (tmp_path / name).write_text(text)

    assert is_ecg_file(tmp_path / name) is is_ecg
