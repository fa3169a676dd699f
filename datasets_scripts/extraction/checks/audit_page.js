"use strict";
// Rows: count, statement, entities, reader, status, problem, other reader and its entities, number of spellings, names to
// review, spans that say a finding. Text is set as text, never as HTML.
const [COUNT, STATEMENT, ENTITIES, READER, STATUS, PROBLEM, OTHER, SPELLINGS, REVIEW, SPANS] = Array(10).keys();
const CERTAINTIES = ["positive", "uncertain", "negative"];
const PAGE = 100;
const STATUS_TEXT = {
  disagrees: "two readers differ", failed: "left to the rules", review: "to review", unread: "not read",
};

const rows = JSON.parse(document.getElementById("statements-data").textContent);
const [ancestors, outsideNames, names] = ["ancestors", "outside", "names"]
  .map((id) => JSON.parse(document.getElementById(`${id}-data`).textContent));
const outside = new Set(outsideNames);
const words = rows.map((row) => [row[STATEMENT], ...[...row[ENTITIES], ...(row[OTHER] ? row[OTHER][1] : [])].map((pair) => pair[0])]
  .join("\n").toLowerCase());
const [search, status, certainty, chosen, shown, more] = ["search", "status", "certainty", "chosen", "shown", "more"]
  .map((id) => document.getElementById(id));
const [exportButton, judged] = ["export", "judged"].map((id) => document.getElementById(id));
const body = document.querySelector("#statements tbody");
const usualReader = findUsual(rows.map((row) => row[READER]));
let finding = null;   // only statements that name it
let sorting = null;   // [column, is descending]; the order of the file otherwise
let limit = PAGE;
const verdicts = new Map();   // index of a row -> { verdict, entities }
let edited = null;   // index of the row whose editor is open

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function findUsual(values) {
  const counts = new Map();
  for (const value of values) counts.set(value, (counts.get(value) || 0) + 1);
  return [...counts].sort((one, other) => other[1] - one[1]).map((entry) => entry[0])[0];
}

function chips(pairs, others, review) {
  const shared = new Set((others || []).map((pair) => pair.join("|")));
  return pairs.map(([name, kind]) => {
    const marks = [shared.has(`${name}|${kind}`) ? "shared" : "", outside.has(name) ? "outside" : ""];
    if ((review || []).includes(name)) marks.push("review");
    const chip = element("span", ["chip", kind, ...marks].filter(Boolean).join(" "), name);
    chip.title = kind + (outside.has(name) ? ", not in the terminology" : "");
    return chip;
  });
}

function highlight(cell, text, spans) {
  const letters = [...text];   // spans count characters, of which some are two units to JavaScript
  const cut = (start, stop) => letters.slice(start, stop).join("");
  let end = 0;
  for (const [start, stop] of spans) {
    if (start < end) continue;
    cell.append(cut(end, start), element("mark", "", cut(start, stop)));
    end = stop;
  }
  cell.append(cut(end));
  return cell;
}

function judge(index, verdict, entities) {
  const known = verdicts.get(index);
  if (known && known.verdict === verdict && verdict !== "corrected") verdicts.delete(index);
  else verdicts.set(index, { verdict, entities: entities || rows[index][ENTITIES] });
  show();
}

function makeVerdict(index) {
  const cell = element("td", "verdict");
  const given = verdicts.get(index);
  for (const [verdict, label] of [["confirmed", "✓ right"], ["corrected", "✎ correct"], ["marked", "⚑ mark"]]) {
    const button = element("button", "", label);
    button.type = "button";
    button.setAttribute("aria-pressed", String(Boolean(given) && given.verdict === verdict));
    button.addEventListener("click", () => {
      if (verdict !== "corrected") { judge(index, verdict); return; }
      edited = edited === index ? null : index;
      show();
    });
    cell.append(button);
  }
  return cell;
}

function makeEditor(index) {
  const editor = element("div", "editor");
  const given = verdicts.get(index);
  const pairs = (given ? given.entities : rows[index][ENTITIES]).map((pair) => [...pair]);
  const button = (label, action) => {
    const made = element("button", "", label);
    made.type = "button";
    made.addEventListener("click", action);
    return made;
  };
  const fill = () => editor.replaceChildren(...pairs.map((pair, place) => {
    const line = element("div", "line");
    const name = element("input");
    name.value = pair[0];
    name.setAttribute("list", "names");
    name.setAttribute("aria-label", "Finding");
    name.addEventListener("input", () => { pair[0] = name.value; });
    const certainty = element("select");
    certainty.setAttribute("aria-label", "Certainty");
    for (const kind of CERTAINTIES) certainty.append(element("option", "", kind));
    certainty.value = pair[1];
    certainty.addEventListener("input", () => { pair[1] = certainty.value; });
    line.append(name, certainty, button("remove", () => { pairs.splice(place, 1); fill(); }));
    return line;
  }), button("add a finding", () => { pairs.push(["", "positive"]); fill(); }), button("keep", () => {
    edited = null;
    judge(index, "corrected", pairs.filter((pair) => pair[0].trim()));
  }));
  fill();
  return editor;
}

function exportVerdicts() {
  const lines = [...verdicts].map(([index, { verdict, entities }]) => JSON.stringify({
    statement: rows[index][STATEMENT],
    verdict,
    entities: entities.map(([entity, certainty]) => ({ entity: entity.trim().toLowerCase(), certainty })),
  }));
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "application/jsonl" }));
  link.download = "corrections.jsonl";
  link.click();
  URL.revokeObjectURL(link.href);
}

function isKind(name) {
  return name === finding || (ancestors[name] || []).includes(finding);
}

function isWanted(index, terms) {
  const row = rows[index];
  const pairs = row[ENTITIES];
  if (status.value === "judged" && !verdicts.has(index)) return false;
  if (status.value === "none" ? pairs.length : !["", "judged", row[STATUS]].includes(status.value)) return false;
  if (certainty.value && !pairs.some((pair) => pair[1] === certainty.value)) return false;
  if (finding && !pairs.some((pair) => isKind(pair[0]) && (!certainty.value || pair[1] === certainty.value))) return false;
  return terms.every((term) => words[index].includes(term));
}

function select() {
  const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const indices = [...rows.keys()].filter((index) => isWanted(index, terms));
  if (!sorting) return indices;
  const [column, isDescending] = sorting;
  const order = (one, other) => (column === COUNT ? one - other : one.localeCompare(other, "en"));
  return indices.sort((a, b) => order(rows[a][column], rows[b][column]) * (isDescending ? -1 : 1));
}

function makeRow(index) {
  const row = rows[index];
  const line = element("tr");
  const findings = element("td");
  const given = verdicts.get(index);
  const pairs = given ? given.entities : row[ENTITIES];
  const [reader, others] = row[OTHER] || ["", null];
  const found = chips(pairs, others, row[REVIEW]);
  findings.append(...(found.length ? found : [element("span", "remark", "no finding")]));
  if (others) {
    const other = element("div", "rules", `${reader}: `);
    other.append(...(others.length ? chips(others, pairs) : ["no finding"]));
    findings.append(other);
  }
  if (edited === index) findings.append(makeEditor(index));
  const remarks = element("td");
  const remark = (kind, text) => remarks.append(element("span", `remark ${kind}`, text));
  if (STATUS_TEXT[row[STATUS]]) remark(row[STATUS], STATUS_TEXT[row[STATUS]]);
  if (row[PROBLEM]) remark("", row[PROBLEM]);
  if (row[SPELLINGS] > 1) remark("", `${row[SPELLINGS]} spellings`);
  if (row[READER] !== usualReader) remark("", `read by ${row[READER]}`);
  line.append(element("td", "number", row[COUNT].toLocaleString("en")));
  line.append(highlight(element("td"), row[STATEMENT], row[SPANS]), findings, remarks, makeVerdict(index));
  return line;
}

function show() {
  const indices = select();
  const total = indices.reduce((sum, index) => sum + rows[index][COUNT], 0);
  body.replaceChildren(...indices.slice(0, limit).map(makeRow));
  more.hidden = indices.length <= limit;
  shown.textContent = `${indices.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} statements, `
    + `written ${total.toLocaleString("en")} times`;
  exportButton.disabled = !verdicts.size;
  judged.textContent = verdicts.size ? `${verdicts.size} statements judged; they are lost when the page is closed` : "";
  chosen.replaceChildren();
  if (finding) {
    const button = element("button", "chip positive", `${finding} ✕`);
    button.type = "button";
    button.title = "Show all findings again";
    button.addEventListener("click", () => { finding = null; restart(); });
    chosen.append(button);
  }
}

function restart() {
  limit = PAGE;
  show();
}

document.getElementById("names").append(...names.map((name) => {
  const option = element("option");
  option.value = name;
  return option;
}));
exportButton.addEventListener("click", exportVerdicts);
for (const input of [search, status, certainty]) input.addEventListener("input", restart);
more.addEventListener("click", () => { limit += 5 * PAGE; show(); });
for (const button of document.querySelectorAll("[data-finding]")) {
  button.addEventListener("click", () => {
    finding = button.dataset.finding;
    [search.value, status.value, certainty.value] = ["", "", ""];
    restart();
    document.getElementById("search").scrollIntoView({ block: "center" });
  });
}
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    const column = button.dataset.sort === "count" ? COUNT : STATEMENT;
    const isSame = sorting && sorting[0] === column;
    sorting = [column, isSame ? !sorting[1] : column === COUNT];
    restart();
  });
}
show();
