"""A release holds together: one version everywhere, a changelog, citations, and a workflow whose commands exist."""

import configparser
import re

import pytest
import yaml
from helpers.repository import ROOT

import modeling_supreme


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yaml"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yaml"))


def read_setup():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def load_workflow(name):
    return yaml.safe_load((ROOT / ".github" / "workflows" / name).read_text(encoding="utf-8"))


def commands_of(workflow):
    """Every line that a workflow gives to the shell."""
    steps = [step for job in workflow["jobs"].values() for step in job.get("steps", ())]
    return [line.strip() for step in steps for line in step.get("run", "").splitlines()]


def expand_matrix(workflow, command):
    """A command as it is run, once for each value of the matrix."""
    found = re.search(r"\$\{\{ matrix\.([\w-]+) \}\}", command)
    if found is None:
        return [command]
    matrices = [job.get("strategy", {}).get("matrix", {}) for job in workflow["jobs"].values()]
    return [command.replace(found[0], value) for matrix in matrices for value in matrix.get(found[1], ())]


def make_targets():
    """The names that the Makefile knows; a pattern rule names its targets before it."""
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    rules = [line.split(":")[0] for line in lines if re.match(r"[a-z][\w -]*:", line)]
    return {name for rule in rules for name in rule.split()}


class TestVersion:
    def test_it_is_the_same_wherever_it_stands(self):
        citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

        assert read_setup()["metadata"]["version"] == modeling_supreme.__version__ == citation["version"]

    def test_the_changelog_has_a_section_for_it_with_the_day_of_the_citation(self):
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

        assert f"## [{modeling_supreme.__version__}] - {citation['date-released']}\n" in changelog

    def test_every_section_of_the_changelog_has_a_number_or_is_unreleased(self):
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")

        heads = re.findall(r"^## (.*)$", changelog, flags=re.MULTILINE)
        assert heads
        assert all(re.fullmatch(r"\[Unreleased\]|\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in heads)


class TestCitation:
    """The parts of the Citation File Format 1.2.0 that it asks for."""

    @pytest.fixture
    def citation(self):
        return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    def test_what_the_format_asks_for_is_there(self, citation):
        assert citation["cff-version"] == "1.2.0"
        assert citation["message"]
        assert citation["title"]
        assert citation["authors"]

    def test_every_author_is_a_person_or_has_a_name(self, citation):
        cited = [citation, *citation["references"]]

        authors = [author for entry in cited for author in entry["authors"]]
        assert all("name" in author or "family-names" in author for author in authors)

    def test_every_reference_has_a_kind_and_a_title(self, citation):
        assert all(entry["type"] == "article" and entry["title"] for entry in citation["references"])


class TestWorkflows:
    @pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
    def test_every_target_of_make_exists(self, path):
        workflow = yaml.safe_load(path.read_text(encoding="utf-8"))

        commands = [command for line in commands_of(workflow) for command in expand_matrix(workflow, line)]
        asked = {name for command in commands if command.startswith("make ") for name in command.split()[1:]}
        assert asked <= make_targets()

    def test_all_that_a_release_needs_is_run_before(self):
        workflow = load_workflow("tests.yaml")

        commands = {command for line in commands_of(workflow) for command in expand_matrix(workflow, line)}
        assert commands == {
            *("make quality", "make test", "make test-oldest", "make test-newest", "make wheel", "make docs")
        }

    def test_the_tests_run_on_every_python_that_is_declared(self):
        classifiers = read_setup()["metadata"]["classifiers"].splitlines()
        declared = [line.rpartition(" ")[2] for line in classifiers if re.search(r":: 3\.\d+$", line)]

        assert load_workflow("tests.yaml")["jobs"]["test"]["strategy"]["matrix"]["python-version"] == declared

    def test_nothing_is_released_before_the_tests_have_passed(self):
        jobs = load_workflow("release.yaml")["jobs"]

        assert jobs["tests"]["uses"] == "./.github/workflows/tests.yaml"
        assert all(jobs[name]["needs"] == ["tests", "version"] for name in ("draft", "docs"))

    @pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
    def test_who_runs_it_may_read_and_no_more_unless_a_job_says_so(self, path):
        assert yaml.safe_load(path.read_text(encoding="utf-8"))["permissions"] == {"contents": "read"}

    @pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
    def test_what_one_job_leaves_and_another_takes_has_the_same_name(self, path):
        text = path.read_text(encoding="utf-8")

        taken = set(re.findall(r"download-artifact@v4\n\s+with: \{name: (\w+)", text))
        left = set(re.findall(r"upload-artifact@v4\n\s+with: \{name: (\w+)", (WORKFLOWS[-1]).read_text("utf-8")))
        assert taken <= left


class TestIssueTemplates:
    @pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
    def test_it_has_what_the_forge_asks_for(self, path):
        template = yaml.safe_load(path.read_text(encoding="utf-8"))

        assert template["name"]
        assert template["description"]
        fields = [part for part in template["body"] if part["type"] != "markdown"]
        assert len({part["id"] for part in fields}) == len(fields)

    def test_whoever_reports_a_fault_is_told_to_send_no_patient(self):
        text = (ROOT / ".github" / "ISSUE_TEMPLATE" / "fault.yaml").read_text(encoding="utf-8")

        assert "Never attach recordings, reports or identifiers of patients." in text


def test_every_extra_is_in_the_table_of_the_documentation():
    page = (ROOT / "docs" / "release.md").read_text(encoding="utf-8")

    assert {name for name in read_setup()["options.extras_require"] if f"| `{name}` |" not in page} == set()
