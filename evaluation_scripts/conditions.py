"""Which finding each label of a corpus asks for, in which words, and whether training asked for the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from accelerate.logging import get_logger

from datasets_scripts.terminology.findings import Finding, load_terminology
from modeling_supreme.query_grammar import normalize_name

from .arguments import QueryWording


logger = get_logger(__name__)


@dataclass(frozen=True)
class Condition:
    """A label of a corpus and how the model is asked for it.

    Args:
        label (`str`):
            Name of the label in the corpus.
        finding (`str`, *optional*):
            Name of its finding in the terminology; `None` if the terminology does not know the label.
        query (`str`):
            Text of the query, before the template.
        seen (`bool`, *optional*):
            Whether training asked for the same finding; `None` if the checkpoint does not say.
        seen_ancestor (`str`, *optional*):
            The nearest wider finding that training asked for, of which this one is a kind; `None` if there is none.
    """

    label: str
    finding: str | None
    query: str
    seen: bool | None
    seen_ancestor: str | None = None


def describe_conditions(
    label_names: Sequence[str],
    *,
    config_name: str | None,
    trained_queries: Sequence[str] | None,
    corpus_labels: Sequence[str] | None = None,
) -> list[Condition]:
    """Say for each label how to ask for it, and whether training asked for the same.

    Args:
        label_names (`Sequence[str]`):
            Labels of the corpus.
        config_name (`str`, *optional*):
            Configuration of the corpus: the same label may mean different findings in two of them.
        trained_queries (`Sequence[str]`, *optional*):
            Queries of training, as the checkpoint lists them. If there are none, `seen` is `None`.
        corpus_labels (`Sequence[str]`, one per label, *optional*):
            What the corpus calls the labels, where a published table calls them otherwise.

    Returns:
        `list[Condition]`, in the order of `label_names`.
    """
    trained = {identity for query in trained_queries or () for identity in identities(query)}
    conditions, unknown = [], []
    for label, corpus_label in zip(label_names, corpus_labels or label_names, strict=True):
        finding = find_finding(corpus_label, config_name)
        if finding is None:
            unknown.append(label)
        seen = not trained.isdisjoint(identities(corpus_label, config_name)) if trained_queries else None
        query = finding.name if finding else label
        ancestor = _find_ancestor(finding, trained)
        conditions.append(Condition(label, finding and finding.name, query, seen, ancestor))
    if unknown:
        logger.warning(
            f"The terminology does not know {', '.join(unknown)}: these labels are asked for by their own names."
        )
    return conditions


def _find_ancestor(finding: Finding | None, trained: set[str]) -> str | None:
    """The nearest ancestor of a finding that training asked for."""
    ancestors = load_terminology().ancestors(finding.name) if finding is not None else ()
    return next((name for name in ancestors if normalize_name(name) in trained), None)


def find_finding(label: str, config_name: str | None = None) -> Finding | None:
    """The finding that a label or query stands for, or `None` if the terminology does not know it.

    Example:
        >>> find_finding("LBBB").name, find_finding("blue moon")
        ('left bundle branch block', None)
    """
    try:
        return load_terminology().find_label(label, config_name=config_name)
    except ValueError:
        return None


def identities(text: str, config_name: str | None = None) -> set[str]:
    """All by which a label or query is recognised as the same finding as another: name and codes.

    Example:
        >>> sorted(identities("LBBB")) == sorted(identities("left bundle branch block"))
        True
    """
    finding = find_finding(text, config_name)
    if finding is None:
        return {normalize_name(text)}
    codes = {"SNOMED CT": finding.snomed_ct, "SCP": finding.scp_code}
    return {normalize_name(finding.name)} | {f"{system} {code}" for system, code in codes.items() if code}


def word_query(text: str, query_wording: QueryWording) -> tuple[str, ...]:
    """The wordings in which a query is asked: the text alone, or with `"all"` those of its finding.

    Example:
        >>> word_query("sinus arrhythmia", "name")
        ('sinus arrhythmia',)
    """
    terminology = load_terminology()
    return terminology.wordings(text) if query_wording == "all" and text in terminology else (text,)
