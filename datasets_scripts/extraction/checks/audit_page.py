"""The audit as one HTML page without other files: for a cardiologist to look through and to search."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from datasets_scripts.extraction.readings.reading import CERTAINTIES
from datasets_scripts.page import columns, embed_data, key_figures, percent, section, table, write_document


MAX_BARS = 25  # findings drawn; the rest is folded away
MAX_UNFOLDED = 12  # rows of a table that stand open
MAX_ROWS = 500  # rows of a table
SCRIPT_PATH = Path(__file__).with_name("audit_page.js")
STYLE_PATH = Path(__file__).with_name("audit_page.css")


def write_audit_page(audit: Mapping[str, Any], path: Path) -> None:
    """Write the page.

    Args:
        audit (`Mapping`):
            What `make_audit` returns.
        path (`Path`):
            The page to write.
    """
    parts = [
        f"<style>{STYLE_PATH.read_text(encoding='utf-8')}</style>",
        _heading(audit),
        _key_figures(audit),
        _findings(audit),
        _statements(audit),
        columns(_unmatched(audit), _contradictions(audit)),
        _left_over(audit["left_over"]),
        _steps(audit["steps"]),
        _reading(audit),
        embed_data("statements-data", _rows(audit["statements"])),
        embed_data("ancestors-data", audit["ancestors"]),
        embed_data("outside-data", audit["outside"]),
        embed_data("names-data", audit["names"]),
        f"<script>{SCRIPT_PATH.read_text(encoding='utf-8')}</script>",
    ]
    write_document(path, title="Findings read from reports", parts=[part for part in parts if part])


def _rows(statements: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Statements as the script reads them: a list each, which is half the size of an object each."""
    keys = (
        "count",
        "statement",
        "entities",
        "reader",
        "status",
        "problem",
        "other",
        "num_spellings",
        "review",
        "spans",
    )
    return [[row[key] for key in keys] for row in statements]


def _heading(audit: Mapping[str, Any]) -> str:
    readers = ", ".join(audit["readers"]) or "nobody"
    return (
        "<header><h1>Findings read from reports</h1>"
        f"<p class=muted>Each distinct statement was read once, by {escape(readers)}. What should be checked comes"
        " first.</p></header>"
    )


def _key_figures(audit: Mapping[str, Any]) -> str:
    sizes = audit["figures"]
    figures = [
        (f"{sizes['num_records']:,}", "records"),
        (f"{sizes['num_statements']:,}", "statements"),
        (f"{sizes['num_distinct']:,}", f"distinct ones, in {sizes['num_spellings']:,} spellings"),
        (f"{sizes['num_findings']:,}", "findings"),
        (f"{sizes['num_without_findings']:,}", "records without a finding"),
        (f"{sizes['num_unread']:,}", "statements not read"),
    ]
    if audit["backend"] != "rules":
        figures += [
            (f"{sizes['num_disagreements']:,}", "statements where the rules differ"),
            (f"{sizes['num_failed']:,}", "statements left to the rules"),
        ]
    alarms = [name for value, name in figures if value != "0" and name.startswith("statements ")]
    return key_figures(figures, alarms=alarms)


def _findings(audit: Mapping[str, Any]) -> str:
    """Bars of the most frequent findings; a click lists their statements."""
    rows = audit["findings"]
    if not rows:
        return section("Findings", "<p>No report names a finding.</p>")
    largest = max(sum(row[certainty] for certainty in CERTAINTIES) for row in rows)
    drawn = "".join(_bar(row, largest) for row in rows[:MAX_BARS])
    rest = "".join(_bar(row, largest) for row in rows[MAX_BARS:])
    legend = " ".join(f'<span class="chip {certainty}">{certainty}</span>' for certainty in CERTAINTIES)
    head = "<tr><th>finding</th><th></th><th class=number>positive</th><th class=number>uncertain</th>"
    head += "<th class=number>negative</th><th>SNOMED CT</th><th>SCP</th></tr>"
    folded = f"<details><summary>{len(rows) - MAX_BARS} less frequent findings</summary>"
    folded += f'<div class=scroll><table class="bars">{head}{rest}</table></div></details>'
    note = "Records in which each finding is positive, uncertain or negative, what it is a kind of included. Click a"
    note += " finding to see the statements that name it."
    if audit["num_rare"]:
        note += f" {audit['num_rare']} findings that are positive or uncertain in too few records were left out."
    content = f'<p class=legend>{legend}</p><div class=scroll><table class="bars">{head}{drawn}</table></div>'
    return section("Findings", content + (folded if rest else ""), note=note)


def _bar(row: Mapping[str, Any], largest: int) -> str:
    """One finding with its counts."""
    parts = "".join(
        f'<i class="{certainty}" style="width:{100 * row[certainty] / largest:.2f}%"></i>'
        for certainty in CERTAINTIES
        if row[certainty]
    )
    cells = "".join(f"<td class=number>{row[certainty]:,}</td>" for certainty in CERTAINTIES)
    codes = "".join(f"<td>{escape(row[code])}</td>" for code in ("snomed_ct", "scp_code"))
    name = escape(row["finding"])
    return (
        f'<tr><td><button type=button class=link data-finding="{name}">{name}</button></td>'
        f"<td class=bar>{parts}</td>{cells}{codes}</tr>"
    )


def _statements(audit: Mapping[str, Any]) -> str:
    """The searchable table, which the script fills."""
    statuses = {"": "all statements", "disagrees": "where the rules differ", "failed": "left to the rules"}
    statuses |= {"review": "to review: only a quote vouches", "unread": "not read", "none": "without a finding"}
    statuses |= {"judged": "confirmed, corrected or marked by you"}
    choices = "".join(f'<option value="{value}">{name}</option>' for value, name in statuses.items())
    certainties = "".join(f'<option value="{name}">{name}</option>' for name in CERTAINTIES)
    content = (
        '<div class=tools><input id=search type=search placeholder="Search statements and findings" '
        'aria-label="Search statements and findings">'
        f'<select id=status aria-label="Which statements">{choices}</select>'
        f'<select id=certainty aria-label="Certainty"><option value="">any certainty</option>{certainties}</select>'
        "<span id=chosen></span></div><p id=shown class=note role=status></p>"
        '<div class="scroll tall"><table id=statements><thead><tr><th class=number><button type=button class=link '
        "data-sort=count>times</button></th><th><button type=button class=link data-sort=statement>statement</button>"
        "</th><th>findings</th><th>remarks</th><th>your verdict</th></tr></thead><tbody></tbody></table></div>"
        "<p><button type=button id=more hidden>Show more</button></p>"
        "<p class=tools><button type=button id=export disabled>Export corrections</button>"
        "<span id=judged class=note role=status></span></p><datalist id=names></datalist>"
        "<noscript><p>The table needs JavaScript; statements.jsonl beside this page holds the same.</p></noscript>"
    )
    compared = audit["backend"] != "rules"
    note = (
        "Statements where two readers differ come first (what both say is pale)"
        if compared
        else "Statements that were not read come first"
    )
    note += (
        ", then the most frequent ones. A dashed outline marks a name that the terminology lacks, a question mark a"
    )
    note += " finding for which only its quote vouches. What you confirm or correct is exported as corrections.jsonl:"
    note += " pass it to the next run with --corrections, and it holds before anything else reads the statement."
    num_listed, num_distinct = len(audit["statements"]), audit["figures"]["num_distinct"]
    if num_listed < num_distinct:
        note += f" The first {num_listed:,} of {num_distinct:,} are listed here, all of them in statements.jsonl."
    return section("Statements", content, note=note)


def _unmatched(audit: Mapping[str, Any]) -> str:
    rows = [
        [
            match["name"],
            f"{match['count']:,}",
            match["nearest"] or "-",
            "-" if match["similarity"] is None else f"{match['similarity']:.2f}",
        ]
        for match in audit["unmatched"][:MAX_ROWS]
    ]
    content = _listed(["entity", "statements", "nearest finding", "cosine"], rows, len(audit["unmatched"]))
    near = [[m["name"], m["nearest"], f"{m['similarity']:.2f}"] for m in audit["matched"][:MAX_ROWS]]
    if near:
        matched = _listed(["entity", "taken for", "cosine"], near, len(audit["matched"]))
        content += (
            f"<details><summary>{len(audit['matched'])} matched by the text encoder</summary>{matched}</details>"
        )
    return section(
        "Entities outside the terminology",
        content if rows or near else "<p>Every entity is a finding of the terminology.</p>",
        note="Kept under their own names, without codes. Add them to the synonyms of a finding, or as findings.",
    )


def _contradictions(audit: Mapping[str, Any]) -> str:
    overruled = [[name, f"{count:,}"] for name, count in audit["overruled"][:MAX_ROWS]]
    beside = [[name, f"{count:,}"] for name, count in audit["beside_normal"][:MAX_ROWS]]
    content = (
        _listed(["finding", "records"], overruled, len(audit["overruled"]))
        if overruled
        else "<p>No report contradicts itself.</p>"
    )
    if beside:
        listed = _listed(["finding", "records"], beside, len(audit["beside_normal"]))
        content += f"<details><summary>{len(audit['beside_normal'])} findings beside “normal ecg”</summary>{listed}"
        content += "</details>"
    return section(
        "Contradictions",
        content,
        note="Findings that one report states with several certainties: positive beat uncertain, uncertain beat"
        " negative. “Normal ecg” gave way to “abnormal ecg”, and may stand beside all else.",
    )


def _left_over(words: Sequence[tuple[str, int]]) -> str:
    """Words without a meaning for the rules, the most frequent first."""
    rows = [[word, f"{count:,}"] for word, count in words[:MAX_ROWS]]
    return section(
        "Words left over",
        _listed(["word", "times"], rows, len(words)) if rows else "<p>Every word is accounted for.</p>",
        note="Words that are no finding, modifier, hedge, negation, lead or remark to the rules, which call a"
        " statement with one of them not read.",
    )


def _steps(steps: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [
            step["name"],
            "on" if step["is_on"] else "off",
            f"{step['num_changed']:,}" if step["is_on"] else "-",
            *(f"{before:,} → {after:,}" for before, after in (step["entities"], step["names"])),
        ]
        for step in steps
    ]
    return section(
        "From entities to findings",
        _scroll(table(["step", "", "changed", "entities", "distinct names"], rows)),
        note="Counted over the distinct statements, before and after each step. Parents are added to records, not to"
        " statements.",
    )


def _reading(audit: Mapping[str, Any]) -> str:
    """Cost and failures."""
    sizes = audit["figures"]
    share = sizes["num_distinct"] / sizes["num_records"] if sizes["num_records"] else None
    rows = [["read by", ", ".join(audit["readers"])], ["distinct statements per record", percent(share)]]
    if audit["backend"] != "rules":
        rows += [["this run", audit["cost"]]]
    content = _scroll(table(["", ""], rows))
    if audit["problems"]:
        problems = [[reason, f"{count:,}"] for reason, count in audit["problems"][:MAX_ROWS]]
        content += _listed(["why a statement was left to the rules", "statements"], problems, len(audit["problems"]))
    return section("Cost and failures", content)


def _listed(header: Sequence[str], rows: Sequence[Sequence[str]], num_rows: int) -> str:
    """A table whose first rows are shown, the next ones folded away and the rest counted."""
    folded = _scroll(table(header, rows[MAX_UNFOLDED:]))
    folded = f"<details><summary>{len(rows) - MAX_UNFOLDED} more</summary>{folded}</details>"
    rest = f"<p class=note>{num_rows - len(rows):,} are not listed here.</p>" if num_rows > len(rows) else ""
    return _scroll(table(header, rows[:MAX_UNFOLDED])) + (folded if len(rows) > MAX_UNFOLDED else "") + rest


def _scroll(content: str) -> str:
    """Content that scrolls sideways in a narrow window."""
    return f"<div class=scroll>{content}</div>"
