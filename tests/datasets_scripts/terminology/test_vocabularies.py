"""Release files of SNOMED CT and the UMLS: active English names give codes, a hierarchy gives parents."""

import pytest

from datasets_scripts.extraction.readings.reading import Entity, Reading
from datasets_scripts.extraction.readings.standardise import StandardisationArguments, standardise
from datasets_scripts.terminology.vocabularies import find_in_snomed_ct, find_in_umls


NAME, SYNONYM = "900000000000003001", "900000000000013009"
IS_A, FINDING_SITE = "116680003", "363698007"
# Codes that the terminology has: atrial fibrillation and myocardial infarction on the electrocardiogram.
FIBRILLATION, INFARCTION = "164889003", "164865005"

DESCRIPTIONS = [
    # conceptId, active, typeId, term
    ("1001", 1, NAME, "Takotsubo cardiomyopathy (disorder)"),
    ("1001", 1, SYNONYM, "Broken-heart syndrome"),
    ("1001", 0, SYNONYM, "Ampulla syndrome"),
    ("1002", 1, NAME, "Wraparound infarction (disorder)"),
    ("1003", 1, NAME, "Retired finding (finding)"),
    ("1004", 1, NAME, "Osborn wave (finding)"),
    ("1005", 1, NAME, "Osborn wave (observable entity)"),
    ("1006", 1, NAME, "Epsilon wave (finding)"),
    ("1007", 1, NAME, "Epsilon wave (disorder)"),
    ("1008", 1, NAME, "Large infarction (disorder)"),
    (FIBRILLATION, 1, SYNONYM, "Delirium cordis"),
]
CONCEPTS = [("1003", 0)] + [
    (code, 1) for code in ("1001", "1002", "1004", "1005", "1006", "1007", "1008", FIBRILLATION)
]
RELATIONSHIPS = [
    # sourceId, destinationId, typeId, active; the wraparound infarction is a large one, that is an infarction
    ("1002", "1008", IS_A, 1),
    ("1008", INFARCTION, IS_A, 1),
    ("1002", FIBRILLATION, FINDING_SITE, 1),
    ("1002", FIBRILLATION, IS_A, 0),
]


def write_table(path, header, rows):
    """A tab-separated file as a release has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ["\t".join(header.split()), *("\t".join(map(str, row)) for row in rows)]
    path.write_text("\r\n".join(lines) + "\r\n", encoding="utf-8")
    return path


@pytest.fixture
def snomed_ct_dir(tmp_path):
    """A release in the official layout, some concepts large."""
    terms = tmp_path / "SnomedCT_Release" / "Snapshot" / "Terminology"
    date, module = "20240101", "900000000000207008"
    write_table(
        terms / "sct2_Description_Snapshot-en_INT_20240101.txt",
        "id effectiveTime active moduleId conceptId languageCode typeId term caseSignificanceId",
        [
            (number, date, active, module, concept, "en", kind, term, "900000000000448009")
            for number, (concept, active, kind, term) in enumerate(DESCRIPTIONS)
        ],
    )
    write_table(
        terms / "sct2_Concept_Snapshot_INT_20240101.txt",
        "id effectiveTime active moduleId definitionStatusId",
        [(code, date, active, module, "900000000000074008") for code, active in CONCEPTS],
    )
    write_table(
        terms / "sct2_Relationship_Snapshot_INT_20240101.txt",
        "id effectiveTime active moduleId sourceId destinationId relationshipGroup typeId characteristicTypeId"
        " modifierId",
        [
            (number, date, active, module, source, goal, 0, kind, "900000000000011006", "900000000000451002")
            for number, (source, goal, kind, active) in enumerate(RELATIONSHIPS)
        ],
    )
    return tmp_path


UMLS = [
    # CUI, LAT, SAB, CODE, STR, SUPPRESS
    ("C001", "ENG", "MSH", "D01", "Takotsubo Cardiomyopathy", "N"),
    ("C001", "ENG", "SNOMEDCT_US", "1001", "Stress cardiomyopathy", "N"),
    ("C002", "GER", "MSHGER", "D02", "Herzjagen", "N"),
    ("C003", "ENG", "MSH", "D03", "Delirium cordis", "N"),
    ("C003", "ENG", "SNOMEDCT_US", FIBRILLATION, "ECG: atrial fibrillation", "N"),
    ("C004", "ENG", "MSH", "D04", "Old name", "O"),
    ("C005", "ENG", "MSH", "D05", "Two codes", "N"),
    ("C005", "ENG", "SNOMEDCT_US", "1", "Two codes, one", "N"),
    ("C005", "ENG", "SNOMEDCT_US", "2", "Two codes, two", "N"),
    ("C006", "ENG", "MSH", "D06", "No code", "N"),
]


@pytest.fixture
def umls_file(tmp_path):
    """MRCONSO.RRF: eighteen fields, each ended by a bar."""
    path = tmp_path / "META" / "MRCONSO.RRF"
    path.parent.mkdir()
    lines = [
        "|".join(
            [
                cui,
                language,
                "P",
                "L1",
                "PF",
                "S1",
                "Y",
                "A1",
                "",
                "",
                "",
                source,
                "PT",
                code,
                text,
                "9",
                flag,
                "256",
                "",
            ]
        )
        for cui, language, source, code, text, flag in UMLS
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


class TestSnomedCt:
    def test_any_active_name_gives_the_code(self, snomed_ct_dir):
        found = find_in_snomed_ct(snomed_ct_dir, ["takotsubo cardiomyopathy", "Broken Heart syndrome"])

        assert {name: finding.snomed_ct for name, finding in found.items()} == {
            "takotsubo cardiomyopathy": "1001",
            "broken heart syndrome": "1001",
        }

    @pytest.mark.parametrize("name", ["Ampulla syndrome", "Retired finding", "Nothing of the kind"])
    def test_inactive_names_and_concepts_are_not_found(self, snomed_ct_dir, name):
        assert find_in_snomed_ct(snomed_ct_dir, [name]) == {}

    def test_the_finding_of_the_terminology_is_returned_where_it_has_the_code(self, snomed_ct_dir):
        assert find_in_snomed_ct(snomed_ct_dir, ["delirium cordis"])["delirium cordis"].name == "atrial fibrillation"

    def test_parents_are_the_nearest_findings_of_the_terminology_above(self, snomed_ct_dir):
        found = find_in_snomed_ct(snomed_ct_dir, ["wraparound infarction", "takotsubo cardiomyopathy"])

        assert found["wraparound infarction"].parents == ("myocardial infarction",)
        assert found["takotsubo cardiomyopathy"].parents == ()

    def test_a_finding_is_preferred_to_an_observable_of_the_same_name(self, snomed_ct_dir):
        assert find_in_snomed_ct(snomed_ct_dir, ["Osborn wave"])["osborn wave"].snomed_ct == "1004"

    def test_a_name_of_two_findings_is_left_out(self, snomed_ct_dir):
        assert find_in_snomed_ct(snomed_ct_dir, ["Epsilon wave"]) == {}

    @pytest.mark.parametrize("kind", ["Description", "Concept", "Relationship"])
    def test_a_missing_file_is_named(self, snomed_ct_dir, kind):
        next(snomed_ct_dir.rglob(f"sct2_{kind}_*")).unlink()

        with pytest.raises(FileNotFoundError, match=rf"no file sct2_{kind}_Snapshot\*\.txt.*--snomed_ct_dir"):
            find_in_snomed_ct(snomed_ct_dir, ["takotsubo cardiomyopathy"])

    def test_another_layout_is_refused(self, snomed_ct_dir):
        path = next(snomed_ct_dir.rglob("sct2_Concept_*"))
        path.write_text("code\tname\n1\tx\n", encoding="utf-8")

        with pytest.raises(ValueError, match=r"sct2_Concept_.* has no column active, id\. Unpack"):
            find_in_snomed_ct(snomed_ct_dir, ["takotsubo cardiomyopathy"])

    def test_a_line_that_is_cut_off_is_refused_without_its_text(self, snomed_ct_dir):
        path = next(snomed_ct_dir.rglob("sct2_Description_*"))
        path.write_text(path.read_text(encoding="utf-8") + "12\t2024", encoding="utf-8")

        with pytest.raises(ValueError, match=r"sct2_Description_.*: a line has 2 fields instead of 9"):
            find_in_snomed_ct(snomed_ct_dir, ["takotsubo cardiomyopathy"])


class TestUmls:
    @pytest.mark.parametrize("where", ["file", "folder"])
    def test_an_english_name_gives_the_snomed_ct_code_of_its_concept(self, umls_file, where):
        found = find_in_umls({"file": umls_file, "folder": umls_file.parent}[where], ["takotsubo-cardiomyopathy"])

        assert found["takotsubo cardiomyopathy"].snomed_ct == "1001"

    def test_the_finding_of_the_terminology_is_returned_where_it_has_the_code(self, umls_file):
        assert find_in_umls(umls_file, ["delirium cordis"])["delirium cordis"].name == "atrial fibrillation"

    @pytest.mark.parametrize("name", ["Herzjagen", "Old name", "Two codes", "No code"])
    def test_what_is_not_beyond_doubt_is_left_out(self, umls_file, name):
        assert find_in_umls(umls_file, [name]) == {}

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(FileNotFoundError, match=r"no .*MRCONSO\.RRF.*--umls_file"):
            find_in_umls(tmp_path, ["delirium cordis"])

    def test_another_table_is_refused(self, tmp_path):
        (tmp_path / "MRCONSO.RRF").write_text("C001|ENG|P\n", encoding="utf-8")

        with pytest.raises(ValueError, match=r"a line has 3 fields instead of 18"):
            find_in_umls(tmp_path, ["delirium cordis"])


class TestStandardisation:
    def read(self, name):
        return {"0": Reading((Entity(name, "positive", "", ""),), True, "endpoint")}

    def test_a_name_of_the_release_becomes_a_finding_with_code_and_ancestors(self, snomed_ct_dir):
        options = StandardisationArguments(snomed_ct_dir=snomed_ct_dir)

        standardised = standardise(self.read("Wraparound-Infarction"), options)

        assert standardised.readings["0"].entities[0][2] == "1002"
        assert standardised.find_ancestors("wraparound infarction") == ("myocardial infarction",)
        assert standardised.matches[0].step == "SNOMED CT release"

    def test_the_umls_is_asked_for_what_is_left(self, snomed_ct_dir, umls_file):
        options = StandardisationArguments(snomed_ct_dir=snomed_ct_dir, umls_file=umls_file)

        standardised = standardise(self.read("stress cardiomyopathy"), options)

        assert (standardised.matches[0].step, standardised.matches[0].findings) == (
            "UMLS release",
            ("stress cardiomyopathy",),
        )
