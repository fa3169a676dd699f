"""`EvaluationArguments`: what cannot be meant is refused before anything is loaded."""

import pytest

from evaluation_scripts.arguments import EvaluationArguments, describe_protocol


def make_arguments(**changes):
    return EvaluationArguments(
        **{"model_name_or_path": "checkpoint", "dataset_name": "ptb_xl", "output_dir": "out", **changes}
    )


@pytest.mark.parametrize(
    "given",
    [["superclass,rhythm"], ["superclass", "rhythm"], ["superclass,", " rhythm"]],
    ids=["commas", "blanks", "both"],
)
def test_configurations_may_be_separated_by_commas_or_blanks(given):
    assert make_arguments(dataset_config_name=given).dataset_config_name == ["superclass", "rhythm"]


def test_a_template_without_a_place_for_the_query_is_refused():
    with pytest.raises(ValueError, match=r"--hypothesis_template 'an ECG' has no place.*Write \{\} where"):
        make_arguments(hypothesis_template="an ECG")


@pytest.mark.parametrize(
    ("flag", "value"), [("max_eval_samples", 0), ("per_device_eval_batch_size", 0), ("num_bootstrap_samples", -1)]
)
def test_numbers_that_cannot_be_meant_are_refused(flag, value):
    with pytest.raises(ValueError, match=rf"--{flag} is {value}\. Give \d or more"):
        make_arguments(**{flag: value})


def test_the_number_of_simulated_records_is_refused_for_another_corpus():
    with pytest.raises(ValueError, match=r"--num_records 100 is for the simulated corpus, not for ptb_xl\. Leave it"):
        make_arguments(num_records=100)


def test_the_protocol_says_what_was_asked_for_and_what_accelerate_settled():
    arguments = make_arguments(query_wording="all", min_positives=5, split="validation")

    protocol = describe_protocol(arguments, mixed_precision="bf16")

    assert (protocol["query_wording"], protocol["split"], protocol["mixed_precision"]) == ("all", "validation", "bf16")
    assert "at least 5 positive and one negative record" in protocol["description"]


@pytest.mark.parametrize("given", [["i,ii"], ["i", "ii"], [".i, .ii"]], ids=["commas", "blanks", "points"])
def test_extensions_of_annotations_are_a_list(given):
    assert make_arguments(measurements=True, annotation_extensions=given).annotation_extensions == ["i", "ii"]


def test_annotations_without_a_comparison_are_refused():
    with pytest.raises(ValueError, match=r"--annotation_extensions q1c says what .*Add `--measurements`"):
        make_arguments(annotation_extensions=["q1c"])


def test_definitions_have_no_use_where_names_answer():
    with pytest.raises(ValueError, match=r"--definitions own\.yaml has no use where names answer\. Leave"):
        make_arguments(definitions="own.yaml", answer_by="name")
