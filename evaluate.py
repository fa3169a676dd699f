"""Evaluate a checkpoint zero-shot on a corpus or on the published test sets, or score what another system said.

One CPU:

    python evaluate.py --model_name_or_path runs/demo/checkpoint --dataset_name ptb_xl --data_dir ptb-xl/1.0.3 \
        --dataset_config_name superclass,subclass,form,rhythm --split test --output_dir runs/demo

One GPU, with half the memory; eight GPUs:

    accelerate launch evaluate.py --mixed_precision bf16 --model_name_or_path ...
    accelerate launch --num_processes 8 evaluate.py --model_name_or_path ...

The six published test sets, 106 conditions, under a corrected protocol or the published one; the scores of any system
under the same; and two evaluations side by side (docs/evaluation.md explains the protocols and all files):

    python evaluate.py --model_name_or_path ... --suite supreme6 --data_root corpora --output_dir O --html O/page.html
    python evaluate.py --predictions scores.parquet --suite supreme6 --protocol merl --split_dir S --output_dir O
    python evaluate.py --compare O1 O2

Beside the system, what is fitted on the training records: linear probes and baselines that know little:

    python evaluate.py --model_name_or_path ... --suite supreme6 --data_root corpora --output_dir O \
        --baselines all --probe 1 10 100 --transfer

A YAML file may come first (`python evaluate.py recipe.yaml --split validation`); flags override what it says.

**Queries.** Each label becomes the name of the finding it asks for in the terminology ("AFIB" becomes "atrial
fibrillation"); a label that the terminology does not know is asked for by its own name. `--query_wording all` asks in
all wordings of the terminology at once: the query is the mean of the embeddings of name, synonyms and description.
`--prompts names`, `wordings`, `descriptions`, `definitions` or `FILE.json` (texts by label, such as MERL's CKEPE file)
chooses a set of prompts for all conditions at once.

**Seen and unseen.** A condition is seen if a query of training (`config.trained_queries`) and the label stand for the
same finding, by name, synonym, or SNOMED CT or SCP code. A wider or narrower finding is another finding. Where the
checkpoint does not say what it was trained on, `seen` and `unseen` are null.

**Definitions.** A condition that training did not name is answered as the pipeline does: by its definition where the
checkpoint has one ("sinus tachycardia": a rate above 100, P waves ...) that somebody has reviewed, by definition and
name together where nobody has, else by its name. `--answer_by name`, `definition` or `both` settles it for all of
them; `--definitions FILE` brings your own. `query` is "composed: " and the definition where one answered.

**Measurements.** With `--measurements`, what the measurement head says (`qrs_ms`, `st_mv_V2` ...) is compared with
the column `measurements` of the corpus: simulated records, MIMIC-IV-ECG, the older layout of Chapman-Shaoxing, and a
folder whose metadata.csv has columns of these names. With `--annotation_extensions q1c` (`i,ii,iii` where each lead
has a file of its own), it is compared with the WFDB annotations of waves beside the records instead: rate, P, PR, QRS
and QT, medians over the beats.

**Controls.** Every condition that is not known to be seen is also scored without its name: by minus the logit of
"normal ecg" (is the record abnormal at all?) and by random vectors with the mean and spread of the query embeddings
(the mean figure of eight draws). All three are repeated among the records that are not labelled normal (null where no
label is the normal ECG). A name or a definition has been understood only where the AUROC of an unseen condition beats
both controls, above all among those records; `understood` says of how many it does so by more than chance.

**Explanations.** With `--explanations 3`, the answers to the first three positive records of each condition are
explained as the pipeline explains them (docs/evidence.md), and the maps are tested: does the answer fall further
without the tenth of the leads or of the time that a map calls important than without a tenth at random, and does the
map change when the weights of the model are random?

`--output_dir` receives

- `eval_results.json`: `schema_version`, `model`, `protocol` (what the figures depend on) and `results`, with one entry
  per "corpus/configuration/split": `auroc_macro`, `auroc_macro_ci95`, `auprc_macro`, `num_records`, `num_patients`,
  `num_conditions` (those averaged), `skipped_conditions` (name: reason), `auroc_<label>`, the groups `seen` and
  `unseen` (with `controls` and `among_non_normal`) and `conditions`, one entry per label. With a single result, its
  flat keys stand at the top level too. AUROC lies between 0 and 1; intervals are 95 % percentile bootstraps over
  patients. A figure that is not defined is null. `--measurements` adds `measurements`, one entry per measurement that
  has a reference: `measurement`, `unit`, `num_records`, and, each with its interval `..._ci95`,
  `mean_absolute_error`, `bias` (model less reference), `rank_correlation` (Spearman's) and `coverage_80` (share of the
  references within the 80 % interval that the model states); `mean_absolute_error_of_constant` is what the median of
  the references alone reaches, `share_measurable` the share of records in which the model sees anything to measure.
  `--explanations` adds `explanations`: for each kind of map (`leads`, `time`, `attention`) and for all conditions
  together and each of them `num_maps`, `drop` (of the logit, without what is important), `random_drop`,
  `drop_less_random`, `share_above_random` (of the maps, by pairs), `share_faithful`, and
  `rank_correlation_with_random_weights` (Spearman's, of the same map of a model whose weights are random).
  `--robustness` adds `robustness`: the AUROC of every condition and their mean at each level of each disturbance.
- `predictions.parquet`: `record_id`, `patient_id`, `corpus`, `config`, `split`, and per label `score_<label>`
  (probability of presence) and `label_<label>` (1, 0, or missing where unknown); per measurement with a reference
  `value_<key>`, `sd_<key>`, `measurable_<key>` and `reference_<key>`.
- with `--measurements`, `measurements.png`: each measurement against its reference.
- with `--probe` and `--baselines`, `probe/` and `baselines/<name>/`: the same files for what was fitted.
- while it runs, `unfinished/`: the answers so far, with which a killed evaluation goes on when it is started again.
"""

import logging
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast


if TYPE_CHECKING:
    from evaluation_scripts.arguments import EvaluationArguments
    from evaluation_scripts.probes.arguments import ProbeArguments
    from evaluation_scripts.suite_arguments import SuiteArguments
    from evaluation_scripts.suites.evaluated import EvaluatedSets


def import_library_of_this_name() -> ModuleType:
    """Import the Hugging Face library `evaluate`, which this file hides from everything started in its folder.

    Returns:
        `ModuleType`: The library, also entered in `sys.modules`.

    Raises:
        ModuleNotFoundError: If it is not installed.
    """
    own_folder = Path(__file__).resolve().parent
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != own_folder]
    spec = PathFinder.find_spec("evaluate", elsewhere)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(
            f"The library `evaluate` is not installed for {sys.executable}. Install it with `pip install evaluate`.",
            name="evaluate",
        )
    library = module_from_spec(spec)
    sys.modules["evaluate"] = library
    spec.loader.exec_module(library)
    return library


# Somebody imports the library and finds this file first: the import system returns what stands in `sys.modules` after
# the file has run. Until then nothing is imported that may itself want the library: `main` imports what it calls.
if __name__ == "evaluate":
    import_library_of_this_name()


def main(argv: Sequence[str] | None = None) -> None:
    """Evaluate a checkpoint or anybody's scores and write their figures, or compare evaluations."""
    from evaluation_scripts.arguments import EvaluationArguments
    from evaluation_scripts.probes.arguments import ProbeArguments, check_probes
    from evaluation_scripts.suite_arguments import SuiteArguments, check_mode
    from modeling_supreme.command_line import parse_arguments

    dataclasses = [EvaluationArguments, SuiteArguments, ProbeArguments]
    arguments, suite, probes = parse_arguments(dataclasses, argv, description=__doc__)
    check_mode(arguments, suite)
    check_probes(arguments, suite, probes)
    if suite.compare is not None:
        compare_evaluations(arguments, suite)
    elif suite.predictions is not None:
        evaluate_predictions(arguments, suite)
    elif suite.suite is not None:
        evaluate_checkpoint_on_suite(arguments, suite, probes)
    else:
        evaluate_checkpoint(arguments)


def tell_next_step(arguments: "EvaluationArguments") -> str:
    """To hold the figures against those of another system."""
    return f"compare it with another: `python evaluate.py --compare {arguments.output_dir} OTHER`"


def compare_evaluations(arguments: "EvaluationArguments", suite: "SuiteArguments") -> None:
    """Print the paired differences of several evaluations, and write comparison.json where a folder is named."""
    import json

    from tqdm.auto import tqdm

    from evaluation_scripts.suites.comparison import compare_all, format_comparison
    from modeling_supreme.command_line.closing import closing_line

    report = compare_all(
        suite.compare or [],
        splits=arguments.split.split("+"),
        min_positives=arguments.min_positives,
        num_bootstrap_samples=arguments.num_bootstrap_samples,
        seed=arguments.seed,
    )
    tqdm.write(format_comparison(report), end="")
    if arguments.output_dir:
        path = Path(arguments.output_dir) / "comparison.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        tqdm.write(closing_line([path], "read the intervals of the differences, not the differences alone"))


def evaluate_predictions(arguments: "EvaluationArguments", suite: "SuiteArguments") -> None:
    """Score a file of predictions under a protocol, and write and print the figures; no model is loaded."""
    from tqdm.auto import tqdm

    from evaluation_scripts.suites.foreign import evaluate_scores
    from evaluation_scripts.suites.published import read_published
    from evaluation_scripts.suites.run import describe_suite_protocol
    from modeling_supreme.command_line.closing import closing_line

    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    sets, unknown = evaluate_scores(arguments, suite)
    protocol = {**describe_suite_protocol(arguments, suite, sets), "unknown_columns": unknown}
    paths, text = sets.write(
        arguments.output_dir,
        model=arguments.model_name_or_path or str(suite.predictions),
        protocol=protocol,
        published=read_published() if suite.suite else (),
    )
    paths += write_html(suite, paths[0], sets)
    tqdm.write(text, end="")
    tqdm.write(closing_line(paths, tell_next_step(arguments)))


def write_html(suite: "SuiteArguments", results_path: Path, sets: "EvaluatedSets") -> list[Path]:
    """Write the page that `--html` asks for, with the differences of the protocols where MERL's tables are at hand."""
    if suite.html is None:
        return []
    import json

    from evaluation_scripts.page.page import write_page
    from evaluation_scripts.protocols.differences import compare_protocols

    differences = None
    if suite.suite is not None and suite.split_dir is not None:
        differences = compare_protocols(suite.suite, suite.split_dir, data_root=suite.data_root)
    report = json.loads(results_path.read_text(encoding="utf-8"))
    write_page(suite.html, report, sets, recordings=sets.recordings, differences=differences)
    return [Path(suite.html)]


def evaluate_checkpoint_on_suite(
    arguments: "EvaluationArguments", suite: "SuiteArguments", probes: "ProbeArguments"
) -> None:
    """Load the checkpoint, ask it all conditions of the suite under one protocol, and write and print the figures."""
    from accelerate import Accelerator
    from tqdm.auto import tqdm
    from transformers import set_seed

    from evaluation_scripts.arguments import describe_protocol
    from evaluation_scripts.load import load_checkpoint
    from evaluation_scripts.passes.kept_shards import UNFINISHED, forget_shards
    from evaluation_scripts.probes.features import FeatureReader
    from evaluation_scripts.probes.run import probe_suite
    from evaluation_scripts.probes.transfer import format_transfer
    from evaluation_scripts.suites.published import read_published
    from evaluation_scripts.suites.run import describe_suite_protocol, evaluate_suite, read_tables
    from modeling_supreme.command_line.closing import closing_line

    accelerator = Accelerator(mixed_precision=arguments.mixed_precision)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    set_seed(arguments.seed)
    model, processor = load_checkpoint(arguments.model_name_or_path, revision=arguments.revision)
    model = cast("Any", accelerator.prepare_model(model.eval(), evaluation_mode=True))
    read = read_tables(suite)
    sets = evaluate_suite(model, processor, arguments=arguments, suite=suite, accelerator=accelerator, read=read)
    reader = FeatureReader(model, processor, arguments, accelerator, Path(arguments.output_dir) / UNFINISHED)
    probed = probe_suite(reader, sets, read, asked=probes)
    if accelerator.is_main_process:
        asked = {**describe_protocol(arguments, mixed_precision=accelerator.mixed_precision), **probes.describe()}
        about: Any = {
            "model": arguments.model_name_or_path,
            "protocol": {**asked, **describe_suite_protocol(arguments, suite, sets)},
        }
        further = {"transfer": probed.transferred} if probes.transfer else {}
        paths, text = sets.write(arguments.output_dir, **about, published=read_published(), further=further)
        paths += write_html(suite, paths[0], sets)
        paths += probed.write(arguments.output_dir, **about)
        forget_shards(arguments.output_dir)
        tqdm.write(text + (format_transfer(probed.transferred) if probes.transfer else ""), end="")
        tqdm.write(closing_line(paths, tell_next_step(arguments)))
    accelerator.end_training()


def evaluate_checkpoint(arguments: "EvaluationArguments") -> None:
    """Load the checkpoint, score the label sets one after the other, and write and print their figures."""
    # Imported here: the libraries take seconds, for which neither `--help` nor a refused flag waits
    from accelerate import Accelerator
    from tqdm.auto import tqdm
    from transformers import set_seed

    from evaluation_scripts.arguments import describe_protocol
    from evaluation_scripts.evaluation import evaluate_label_set
    from evaluation_scripts.load import load_checkpoint
    from evaluation_scripts.passes.kept_shards import forget_shards
    from evaluation_scripts.result_table import format_result
    from evaluation_scripts.results import write_results
    from modeling_supreme.command_line.closing import closing_line
    from modeling_supreme.command_line.threads import choose_threads

    accelerator = Accelerator(mixed_precision=arguments.mixed_precision)
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    threads = choose_threads()
    if accelerator.is_main_process and accelerator.device.type == "cpu":
        tqdm.write(threads.line())
    set_seed(arguments.seed)
    model, processor = load_checkpoint(
        arguments.model_name_or_path, revision=arguments.revision, has_to_measure=arguments.measurements
    )
    model = cast("Any", accelerator.prepare_model(model.eval(), evaluation_mode=True))
    results, tables = {}, []
    for config_name in arguments.dataset_config_name or [None]:
        name, result, table = evaluate_label_set(
            model, processor, config_name, arguments=arguments, accelerator=accelerator
        )
        results[name] = result
        tables.append(table)
    if accelerator.is_main_process:
        protocol = describe_protocol(arguments, mixed_precision=accelerator.mixed_precision)
        paths = write_results(
            arguments.output_dir,
            model=arguments.model_name_or_path,
            protocol=protocol,
            results=results,
            tables=tables,
        )
        forget_shards(arguments.output_dir)
        for name, result in results.items():
            tqdm.write(format_result(name, result))
        tqdm.write(closing_line(paths, tell_next_step(arguments)))
    accelerator.end_training()


if __name__ == "__main__":
    from modeling_supreme.command_line import run_command

    run_command(main)
