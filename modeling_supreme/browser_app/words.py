"""What the page says: findings, evidence, accounts and refusals as HTML, in which nothing of a visitor's is code."""

import os
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from ..long_recordings.episodes import clock
from ..recordings import Account
from .desk import Case, Reply


DISCLAIMER = "<strong>Research only.</strong> This is not a medical device: do not diagnose or treat by it."
PRIVACY = (
    "Recordings stay on the machine that serves this page: nothing is sent elsewhere, and what you drop is deleted"
    " when you close the page."
)
PRIVACY_ON_THE_HUB = (
    "This page is served by a machine of Hugging Face. Drop no recordings of patients here: start <code>supreme"
    " app</code> on a machine of your own for these. What you drop is deleted when you close the page."
)
VERDICTS = {True: ("present", "is-present"), False: ("absent", "is-absent"), None: ("left open", "is-open")}
NOT_UNDERSTOOD = "not understood"
MEASUREMENT_NAMES = {
    "rate_per_min": "heart rate",
    "pr_ms": "PR",
    "qrs_ms": "QRS",
    "qt_ms": "QT",
    "qtc_ms": "QTc",
    "axis_deg": "axis",
}
UNITS = {"1/min": "/min", "deg": "°"}
MOST_EPISODES = 20


def tell_privacy() -> str:
    """Where recordings go: in a Space of the Hub, to somebody else's machine."""
    return PRIVACY_ON_THE_HUB if "SPACE_ID" in os.environ else PRIVACY


def tell_error(message: str) -> str:
    """A refusal, which screen readers speak at once."""
    told = f"<strong>This did not work.</strong> {escape(message)}"
    return f'<div class="notice is-error" role="alert" tabindex="-1">{told}</div>'


def tell_progress(message: str) -> str:
    """What was done, which screen readers speak when they are free."""
    return f'<p class="notice" role="status" tabindex="-1">{escape(message)}</p>'


def tell_findings(reply: Reply, full: Reply | None = None) -> str:
    """A table of findings, best first, each with a button for its evidence.

    Args:
        reply ([`Reply`]):
            The answers.
        full ([`Reply`], *optional*):
            Those with all leads, where `reply` has fewer; they stand beside it.
    """
    with_all = {finding["label"]: finding for finding in full.findings} if full else {}
    heading = '<th scope="col">All leads</th>' if full else ""
    score = f"{', '.join(reply.leads)} only" if full else "Probability"
    caption = f"What {escape(reply.case.name)} shows. Choose a finding to see what carries its answer."
    rows = "".join(
        _tell_row(place, finding, with_all.get(finding["label"])) for place, finding in enumerate(reply.findings)
    )
    return (
        f'<table class="findings"><caption>{caption}</caption><thead><tr><th scope="col">Finding</th>'
        f'<th scope="col">{escape(score)}</th>{heading}<th scope="col">Answer</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def _tell_row(place: int, finding: Mapping[str, Any], with_all: Mapping[str, Any] | None) -> str:
    """A finding: its probability with the threshold, and the verdict with its reason."""
    label = escape(str(finding["label"]))
    button = (
        f'<button type="button" class="finding" data-place="{place}" aria-label="Show the evidence for {label}">'
        f"{label}</button>"
    )
    compared = "" if with_all is None else f"<td>{_tell_score(with_all, 'all leads, ')}</td>"
    score = _tell_score(finding, "" if with_all is None else "these leads, ")
    return (
        f'<tr><th scope="row">{button}{_tell_source(finding)}</th><td>{score}</td>{compared}'
        f"<td>{_tell_verdict(finding)}{_tell_episodes(finding)}</td></tr>"
    )


def _tell_score(finding: Mapping[str, Any], of_what: str = "") -> str:
    """A probability as a number and as a bar, on which the threshold is marked."""
    score, threshold = float(finding["score"]), finding.get("threshold")
    mark = "" if threshold is None else f'<span class="mark" style="left:{100 * threshold:.1f}%"></span>'
    told = of_what + ("no threshold" if threshold is None else f"present from {threshold:.2f}")
    return (
        f'<span class="score">{score:.2f}</span><span class="bar" aria-hidden="true">'
        f'<span class="fill" style="width:{100 * score:.1f}%"></span>{mark}</span><span class="told">{told}</span>'
    )


def _tell_source(finding: Mapping[str, Any]) -> str:
    """By what a label is answered, where that is not its own query."""
    source = str(finding.get("source", "query"))
    return "" if source == "query" else f'<span class="source">{escape(source)}</span>'


def _tell_verdict(finding: Mapping[str, Any]) -> str:
    """Present, absent, or left open and why; a checkpoint without decisions says none of these."""
    if "present" not in finding:
        return '<span class="verdict is-open">not decided</span>'
    reason = str(finding.get("reason") or "")
    word, kind = VERDICTS[finding["present"]]
    if reason.startswith(NOT_UNDERSTOOD):
        word, reason = NOT_UNDERSTOOD, reason.partition(": ")[2]
    told = f'<span class="reason">{escape(reason)}</span>' if reason else ""
    return f'<span class="verdict {kind}">{word}</span>{told}'


def _tell_episodes(finding: Mapping[str, Any]) -> str:
    """When a finding was there in a long recording."""
    if "episodes" not in finding:
        return ""
    episodes = finding["episodes"]
    shown = "".join(
        f"<li>{clock(each['start_s'])} to {clock(each['end_s'])}, up to {each['max_score']:.2f}</li>"
        for each in episodes[:MOST_EPISODES]
    )
    more = f"<li>and {len(episodes) - MOST_EPISODES} more</li>" if len(episodes) > MOST_EPISODES else ""
    count = f"{len(episodes)} episode{'s' if len(episodes) != 1 else ''}"
    told = f"highest at {clock(finding['at_s'])}"
    if not episodes:
        return f'<span class="reason">{told}; {count}</span>'
    return f'<details><summary>{told}; {count}</summary><ul class="episodes">{shown}{more}</ul></details>'


def tell_comparison(first: Reply, second: Reply) -> str:
    """Two recordings side by side, finding by finding."""
    of_second = {finding["label"]: finding for finding in second.findings}
    rows = "".join(
        f'<tr><th scope="row">{escape(str(finding["label"]))}</th>'
        f"<td>{_tell_score(finding)}{_tell_verdict(finding)}</td>"
        f"<td>{_tell_score(other)}{_tell_verdict(other)}</td>"
        f'<td class="difference">{other["score"] - finding["score"]:+.2f}</td></tr>'
        for finding in first.findings
        for other in [of_second[finding["label"]]]
    )
    names = "".join(f'<th scope="col">{escape(each.case.name)}</th>' for each in (first, second))
    return (
        '<table class="findings comparison"><caption>Two recordings, and by how much the second differs from the'
        f' first.</caption><thead><tr><th scope="col">Finding</th>{names}<th scope="col">Difference</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>"
    )


def tell_evidence(finding: Mapping[str, Any], picture: str, *, at_s: float | None = None) -> str:
    """What carries an answer: statements with their numbers, leads and times, and the sheet that they are marked on.

    Args:
        finding (`Mapping`):
            Of the pipeline, with its `evidence`.
        picture (`str`):
            The sheet, as HTML.
        at_s (`float`, *optional*):
            Of a long recording, when the strip begins that was looked at, in seconds.
    """
    evidence = finding["evidence"]
    label = escape(str(finding["label"]))
    when = "" if at_s is None else f" from {clock(at_s)} on"
    rows = "".join(_tell_statement(each) for each in evidence["statements"])
    table = (
        '<table class="statements"><thead><tr><th scope="col">Statement</th><th scope="col">Probability</th>'
        f'<th scope="col">Leads</th><th scope="col">Seen at</th></tr></thead><tbody>{rows}</tbody></table>'
        if rows
        else "<p>There is no definition to take apart: the finding's own query answers.</p>"
    )
    by_definition = evidence.get("by_definition")
    if by_definition is not None:
        table += f"<p>By its definition {by_definition:.2f}; the finding's own query answers.</p>"
    faithful = evidence["faithful"]
    withheld = [kind for kind, is_faithful in faithful.items() if is_faithful is False]
    note = (
        f"<p>Not shown, as the deletion test refuted it: the map of {escape(', '.join(withheld))}.</p>"
        if withheld
        else ""
    )
    heading = f'<h3 tabindex="-1">{label}: {finding["score"]:.2f}{when}</h3>'
    return f'<section aria-label="Evidence for {label}">{heading}{table}{note}{picture}</section>'


def _tell_statement(statement: Mapping[str, Any]) -> str:
    """One statement."""
    leads = ", ".join(statement["leads"]) or "all"
    start_s, end_s = statement["span_s"]
    return (
        f"<tr><td>{escape(str(statement['statement']))}</td><td>{statement['probability']:.2f}</td>"
        f"<td>{escape(leads)}</td><td>{start_s:.2f} to {end_s:.2f} s</td></tr>"
    )


def tell_account(case: Case, account: Account, measured: Mapping[str, Any]) -> str:
    """What was read of a file, what of it was used, what is wrong with it, and the usual numbers."""
    rows = [
        ("File", case.name),
        ("Leads", f"{', '.join(account.leads_used) or 'none'} (of {', '.join(account.leads_found)})"),
        ("Computed", ", ".join(account.leads_derived)),
        ("Time", f"{account.seconds_used:.2f} of {account.seconds_found:.2f} s"),
        ("Rate", f"{account.sampling_rate_found:g} Hz"),
        ("Unit", f"{account.unit} (from the {account.unit_from})"),
        ("Measured", "; ".join(_tell_number(key, number) for key, number in measured.items())),
    ]
    terms = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows if value)
    losses = account.losses()
    items = "".join(f"<li>{escape(phrase)}</li>" for phrase in losses)
    warnings = (
        f'<div class="notice is-warning" role="note"><strong>Mind:</strong><ul>{items}</ul></div>' if losses else ""
    )
    return f'{warnings}<dl class="account">{terms}</dl>'


def _tell_number(key: str, number: Mapping[str, Any]) -> str:
    """A measurement with the standard deviation of its error."""
    unit = UNITS.get(number["unit"], f" {number['unit']}")
    return f"{MEASUREMENT_NAMES.get(key, key)} {number['value']:.0f} ± {number['sd']:.0f}{unit}"


def show_picture(png_url: str, alternative: str) -> str:
    """A drawing that can be scrolled by the keyboard where the screen is narrow."""
    told = escape(alternative)
    return (
        f'<figure class="sheet"><div class="scroll" tabindex="0" role="group" aria-label="{told}">'
        f'<img src="{png_url}" alt="{told}"></div></figure>'
    )


def describe_sheet(reply: Reply, leads: Sequence[str]) -> str:
    """What a sheet shows, for those who do not see it."""
    measured = "; ".join(_tell_number(key, number) for key, number in reply.measured.items())
    return f"ECG sheet of {reply.case.name}, leads {', '.join(leads)}{f'. {measured}' if measured else ''}"
