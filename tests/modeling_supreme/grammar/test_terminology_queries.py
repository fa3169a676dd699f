"""The tables of findings and the grammar say the same: names stay names, and what parses means its row."""

import random

import pytest
from helpers.query_truth import is_true

from datasets_scripts.simulator import simulate_record
from datasets_scripts.terminology.findings import load_terminology
from datasets_scripts.terminology.measured_findings import load_measured_findings
from datasets_scripts.terminology.tables import read_table
from modeling_supreme.query_grammar import Finding, QuerySyntaxError, normalize_name, parse_query


TERMINOLOGY = load_terminology()
NAMES = frozenset(normalize_name(text) for finding in TERMINOLOGY for text in (finding.name, *finding.synonyms))
