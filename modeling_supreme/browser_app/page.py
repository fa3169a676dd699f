"""The page: its parts from top to bottom, and what happens when one of them is used."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from transformers.utils import logging

from ..leads import STANDARD_LEADS
from ..pipeline_zero_shot_ecg import RECORD_ERRORS
from . import words
from .desk import Case, Desk, Reply, list_leads
from .pictures import Drawing, draw_comparison, draw_evidence, draw_reply
from .visits import Visit, Visits, gather_recording


logger = logging.get_logger(__name__)

FOLDER = Path(__file__).parent
EXAMPLES_DIR = FOLDER / "examples"
TITLE = "Ask an ECG"
FIRST_QUESTION = (
    "normal ecg\natrial fibrillation\nleft bundle branch block\nanterior myocardial infarction\nprolonged qt interval"
    "\nqrs > 120 ms"
)
POINTS = {"balanced": "youden", "few false alarms": "specificity_90"}
UNITS = ("mV", "uV", "V", "nV")
SHEETS, SPEEDS = ["3x4", "6x2", "12x1"], ["25 mm/s", "50 mm/s"]
# What of a question may fail on a machine that is too small, beside recordings that cannot be used
REFUSALS = (*RECORD_ERRORS, RuntimeError, MemoryError)
ONE_AT_A_TIME, SIDE_BY_SIDE, WAITING = "model", 4, 64


class Inputs(NamedTuple):
    """What a visitor has filled in, by the parts of the page."""

    files: Any
    example: Any
    text: Any
    leads: Any
    point: Any
    sampling_rate: Any
    names: Any
    unit: Any
    other_files: Any
    other_example: Any
    layout: Any
    speed: Any


class Outputs(NamedTuple):
    """What the page shows, in the order in which it takes it."""

    status: Any
    findings: Any
    picture: Any
    evidence: Any
    comparison: Any
    account: Any
    json: Any
    png: Any
    pdf: Any


def build_page(desk: Desk, visits: Visits, lists: Mapping[str, Sequence[str]]) -> gr.Blocks:
    """The page.

    Args:
        desk ([`Desk`]):
            Answers.
        visits ([`Visits`]):
            Keeps files.
        lists (`Mapping[str, Sequence[str]]`):
            Conditions that can be asked for by one name.

    Returns:
        `gr.Blocks`: To be launched.
    """
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(600, 3600)) as page:
        gr.HTML(f"<h1>{TITLE}</h1><p>{words.tell_privacy()}</p>", js_on_load=None)
        gr.HTML(f'<div class="notice disclaimer" role="note">{words.DISCLAIMER}</div>', js_on_load=None)
        with gr.Row():
            with gr.Column(scale=2, min_width=300):
                inputs, chosen_list, ask = _build_form(lists)
            with gr.Column(scale=5, min_width=300):
                outputs = _build_results()
        answers = Answers(desk, visits, inputs)
        chosen_list.change(lambda name: "\n".join(lists.get(name, ())), chosen_list, inputs.text, **_quick())
        ask.click(
            answers.answer, set(inputs), list(outputs), concurrency_limit=SIDE_BY_SIDE, api_visibility="private"
        ).then(fn=None, js=_focus("#status .notice"), api_visibility="private")
        outputs.findings.click(
            answers.explain, None, outputs.evidence, concurrency_limit=SIDE_BY_SIDE, api_visibility="private"
        ).then(fn=None, js=_focus("#evidence h3, #evidence .notice"), api_visibility="private")
        page.unload(answers.leave)
    page.queue(max_size=WAITING)
    return page


def _quick() -> dict[str, Any]:
    """How an event is handled that takes no time."""
    return {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def _focus(selector: str) -> str:
    """A script that takes the keyboard and the screen reader to what is new."""
    return f"() => {{ const found = document.querySelector('{selector}'); if (found) found.focus(); }}"


def _build_form(lists: Mapping[str, Sequence[str]]) -> tuple[Inputs, gr.Radio, gr.Button]:
    """What a visitor fills in."""
    gr.HTML("<h2>1. Recording</h2>", js_on_load=None)
    files = _build_upload("ECG file, or both of a WFDB record")
    example = _build_examples("Or an example (simulated, of no patient)", "example")
    with gr.Accordion("For files that do not say", open=False):
        sampling_rate = gr.Number(label="Sampling rate in Hz", value=None, minimum=0)
        names = gr.Textbox(label="Leads in their order, with commas", value="")
        unit = gr.Radio(UNITS, label="Unit of the voltages", value=None)
    with gr.Accordion("Compare with a second recording", open=False):
        other_files = _build_upload("Second ECG file")
        other_example = _build_examples("Or an example", "other-example")
    gr.HTML("<h2>2. Conditions</h2>", js_on_load=None)
    text = gr.Textbox(
        label="In plain words, one a line or with commas",
        value=FIRST_QUESTION,
        lines=6,
        max_lines=16,
        elem_id="conditions",
    )
    chosen_list = gr.Radio(list(lists), label="Or those of a benchmark", value=None)
    point = gr.Radio(list(POINTS), value="balanced", label="A finding is called present")
    gr.HTML("<h2>3. Leads</h2>", js_on_load=None)
    leads = gr.CheckboxGroup(
        list(STANDARD_LEADS), value=list(STANDARD_LEADS), label="Untick leads to see what fewer can still say"
    )
    with gr.Accordion("Sheet", open=False):
        layout = gr.Radio(SHEETS, value=SHEETS[0], label="Rows and columns")
        speed = gr.Radio(SPEEDS, value=SPEEDS[0], label="Speed of the paper")
    ask = gr.Button("Read the ECG", variant="primary", elem_id="ask")
    return (
        Inputs(
            files, example, text, leads, point, sampling_rate, names, unit, other_files, other_example, layout, speed
        ),
        chosen_list,
        ask,
    )


def _build_upload(label: str) -> gr.File:
    return gr.File(label=label, file_count="multiple", height=160)


def _build_examples(label: str, elem_id: str) -> gr.Radio:
    choices = [(name.replace("_", " "), name) for name in list_examples()]
    return gr.Radio(choices, label=label, value=None, elem_id=elem_id)


def _build_results() -> Outputs:
    """What is shown, and how it is taken home."""
    script = (FOLDER / "page.js").read_text(encoding="utf-8")
    gr.HTML("<h2>Answers</h2>", js_on_load=None)
    status = gr.HTML(words.tell_progress("Nothing was read yet."), elem_id="status", js_on_load=None)
    findings = gr.HTML("", elem_id="findings", js_on_load=script)
    evidence = gr.HTML("", elem_id="evidence", js_on_load=None)
    picture = gr.HTML("", elem_id="picture", js_on_load=None)
    comparison = gr.HTML("", elem_id="comparison", js_on_load=None)
    with gr.Row():
        downloads = [
            gr.DownloadButton(f"Download {kind}", visible=False, elem_id=f"download-{kind.lower()}", size="sm")
            for kind in ("JSON", "PNG", "PDF")
        ]
    account = gr.HTML("", elem_id="account", js_on_load=None)
    return Outputs(status, findings, picture, evidence, comparison, account, *downloads)


def list_examples() -> list[str]:
    """Names of the recordings that come with the package."""
    return sorted(path.stem for path in EXAMPLES_DIR.glob("*.npz"))


class Answers:
    """What happens when a visitor asks.

    Args:
        desk ([`Desk`]):
            Answers.
        visits ([`Visits`]):
            Keeps files.
        form ([`Inputs`]):
            The parts of the page that a visitor fills in.
    """

    def __init__(self, desk: Desk, visits: Visits, form: Inputs) -> None:
        self._desk, self._visits, self._form = desk, visits, form

    def answer(self, given: dict[Any, Any], request: gr.Request, progress: Any = gr.Progress()) -> list[Any]:  # noqa: B008
        """All that is shown of a recording, or why it cannot be."""
        inputs = Inputs(*(given[part] for part in self._form))
        visit = self._visits.find(str(request.session_hash))
        visit.shown.clear()
        try:
            return list(self._answer(inputs, visit, progress))
        except REFUSALS as error:
            logger.info(f"refused: {error}")
            return list(_show_nothing(words.tell_error(str(error))))

    def _answer(self, inputs: Inputs, visit: Visit, progress: Any) -> Outputs:
        labels = self._desk.read_labels(inputs.text or "")
        case = self._take(inputs.files, inputs.example, inputs, visit)
        leads = _read_leads(inputs.leads)
        ask = self._asker(labels, POINTS[inputs.point], progress)
        reply = ask(case, leads)
        full = ask(case, ()) if leads and not case.is_long else None
        other = self._take_other(inputs, visit)
        against = ask(other, leads) if other else None
        form = {"layout": inputs.layout, "mm_per_s": float(inputs.speed.partition(" ")[0])}
        drawing = draw_reply(reply, visit.make_folder(), form)
        comparison, offered = _compare(reply, against, visit, form)
        visit.shown |= {"reply": reply, "point": POINTS[inputs.point]}
        return Outputs(
            status=words.tell_progress(f"{case.name} was read."),
            findings=words.tell_findings(reply, full),
            picture=_show(drawing, reply),
            evidence="",
            comparison=comparison,
            account=words.tell_account(case, reply.account, reply.measured),
            **_offer(offered or drawing),
        )

    def _asker(self, labels: list[str], point: str, progress: Any) -> Callable[[Case, Sequence[str]], Reply]:
        """What answers for a case and some leads."""

        def ask(case: Case, leads: Sequence[str]) -> Reply:
            if not case.is_long:
                return self._desk.answer(case, labels, leads=leads, operating_point=point)

            def follow(done: int, count: int) -> None:
                progress((done, count), desc="Windows", unit="windows")

            return self._desk.follow(case, labels, leads=leads, operating_point=point, follow=follow)

        return ask

    def _take(self, files: Any, example: Any, inputs: Inputs, visit: Visit) -> Case:
        """The recording that was dropped, else the example that was picked."""
        if not files and example in list_examples():
            path = EXAMPLES_DIR / f"{example}.npz"
            return self._desk.read(path, f"Example: {example.replace('_', ' ')}")
        uploads = [Path(name) for name in files or ()]
        visit.uploads |= set(uploads)
        path = gather_recording(uploads, visit.make_folder(), most_mb=self._desk.limits.upload_mb)
        return self._desk.read(
            path, path.stem, sampling_rate=inputs.sampling_rate, leads=inputs.names, unit=inputs.unit
        )

    def _take_other(self, inputs: Inputs, visit: Visit) -> Case | None:
        """The second recording, where there is one."""
        if not (inputs.other_files or inputs.other_example):
            return None
        return self._take(inputs.other_files, inputs.other_example, inputs, visit)

    def explain(self, request: gr.Request, event: gr.EventData) -> str:
        """What carries the answer to the finding that was pressed."""
        visit = self._visits.find(str(request.session_hash))
        reply, place = visit.shown.get("reply"), getattr(event, "place", None)
        if reply is None or not isinstance(place, int) or not 0 <= place < len(reply.findings):
            return words.tell_error("The recording is no longer here. Read the ECG once more.")
        finding = reply.findings[place]
        try:
            recording, explained = self._desk.explain(
                reply.case,
                finding["label"],
                leads=reply.leads,
                operating_point=visit.shown["point"],
                at_s=finding.get("at_s", 0.0),
            )
            drawing = draw_evidence(recording, explained, reply.case.name, visit.make_folder())
        except REFUSALS as error:
            return words.tell_error(str(error))
        told = f"ECG sheet of {reply.case.name} with what carries {explained['label']} marked on it"
        return words.tell_evidence(explained, words.show_picture(drawing.url, told), at_s=finding.get("at_s"))

    def leave(self, request: gr.Request) -> None:
        """Delete what the visitor brought, once the page is closed."""
        self._visits.end(str(request.session_hash))


def _read_leads(chosen: Sequence[str] | None) -> tuple[str, ...]:
    """The leads that were left ticked; none where all were."""
    chosen = [lead for lead in STANDARD_LEADS if lead in (chosen or ())]
    if not chosen:
        raise ValueError("No lead is ticked. Tick the leads that may be looked at.")
    return () if len(chosen) == len(STANDARD_LEADS) else tuple(chosen)


def _compare(reply: Reply, against: Reply | None, visit: Visit, form: Mapping[str, Any]) -> tuple[str, Drawing | None]:
    """A second recording beside the first, where there is one: a table, and a page with both."""
    if against is None:
        return "", None
    drawing = draw_comparison(reply, against, visit.make_folder(), form)
    told = f"ECG sheets of {reply.case.name} and {against.case.name}, one below the other"
    return words.tell_comparison(reply, against) + words.show_picture(drawing.url, told), drawing


def _show(drawing: Drawing, reply: Reply) -> str:
    leads = reply.leads or list_leads(reply.case.recording)
    return words.show_picture(drawing.url, words.describe_sheet(reply, leads))


def _offer(drawing: Drawing) -> dict[str, Any]:
    """Files to take home."""
    return {
        kind: gr.DownloadButton(value=str(path), visible=True)
        for kind, path in (("json", drawing.json), ("png", drawing.png), ("pdf", drawing.pdf))
    }


def _show_nothing(status: str) -> Outputs:
    """A page without answers."""
    hidden = [gr.DownloadButton(value=None, visible=False) for _ in range(3)]
    return Outputs(status, "", "", "", "", "", *hidden)
