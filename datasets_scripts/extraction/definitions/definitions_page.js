"use strict";
// Text is set as text, never as HTML. What a person types is kept in the browser until it is exported.
const FIELDS = ["expression", "source", "is_confirmed"];
const rows = JSON.parse(document.getElementById("definitions-data").textContent);
const [search, status, shown, list, exporter] = ["search", "status", "shown", "definitions", "export"]
  .map((id) => document.getElementById(id));
const STORE = `definitions ${location.pathname} ${hash(document.getElementById("definitions-data").textContent)}`;
const states = rows.map((row) => ({ expression: row.expression, source: row.source, is_confirmed: row.reviewed }));
const originals = states.map((state) => ({ ...state }));
let isExported = true;
restore();

function hash(text) {
  let value = 0;
  for (const character of text) value = (Math.imul(value, 31) + character.codePointAt(0)) | 0;
  return value;
}

function restore() {
  try {
    const kept = JSON.parse(localStorage.getItem(STORE) || "{}");
    rows.forEach((row, index) => Object.assign(states[index], kept[row.condition] || {}));
  } catch { /* a browser that keeps nothing for local files */ }
}

function keep() {
  isExported = false;
  const changed = rows.map((row, index) => [row.condition, states[index]]).filter((_, index) => isTouched(index));
  try {
    localStorage.setItem(STORE, JSON.stringify(Object.fromEntries(changed)));
  } catch { /* as above: leaving the page asks first */ }
}

function isTouched(index) {
  return FIELDS.some((name) => states[index][name] !== originals[index][name]);
}

// Corrections of earlier runs are exported again: the file is always the whole of what people said.
function isExportable(index) {
  return isTouched(index) || ["corrected", "confirmed"].includes(rows[index].status);
}

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function button(text, act) {
  const made = element("button", "quiet", text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
}

function field(tag, label, value, act) {
  const box = element("label", "field");
  const input = element(tag);
  input.value = value;
  input.addEventListener("input", () => act(input));
  box.append(element("span", "note", label), input);
  return [box, input];
}

function grow(area) {
  area.style.height = "auto";
  area.style.height = `${area.scrollHeight + 2}px`;
}

function makeCard(index) {
  const row = rows[index];
  const state = states[index];
  const card = element("article", "definition");
  const head = element("div", "head");
  head.append(element("h3", "", row.condition), element("span", `badge${row.is_quiet ? "" : " alarm"}`, row.status));
  const [expressionBox, expression] = field("textarea", "expression", state.expression, (area) => {
    grow(area);
    change({ expression: area.value.trim(), is_confirmed: false });
  });
  expression.rows = 1;
  expression.spellcheck = false;
  const [sourceBox, source] = field("input", "source", state.source, (input) => change({ source: input.value.trim() }));
  const confirmed = element("label", "confirm");
  const tick = element("input");
  tick.type = "checkbox";
  tick.checked = state.is_confirmed;
  tick.addEventListener("input", () => change({ is_confirmed: tick.checked }));
  confirmed.append(tick, document.createTextNode(" I confirm this definition"));
  const remark = element("p", "note", row.remark);
  const reasons = row.rationale ? [element("p", "", row.rationale)] : [];
  const complaint = element("p", "complaint note");
  const foot = element("div", "foot");
  const undo = button("Undo my changes", () => change({ ...originals[index] }));
  foot.append(confirmed, undo);
  card.append(head, remark, ...reasons, expressionBox, sourceBox, complaint, foot, ...describeTrial(row), ...makeSamples());

  function change(fields) {
    Object.assign(state, fields);
    keep();
    refresh();
    count();
  }

  function refresh() {
    if (expression.value.trim() !== state.expression) { expression.value = state.expression; grow(expression); }
    if (source.value.trim() !== state.source) source.value = state.source;
    tick.checked = state.is_confirmed;
    const needsSource = state.expression && !state.source;
    tick.disabled = Boolean(needsSource);
    complaint.textContent = needsSource ? "Name a source before you confirm it; “own choice” will do." : "";
    undo.hidden = !isTouched(index);
    card.classList.toggle("is-confirmed", state.is_confirmed);
    card.classList.toggle("is-changed", state.expression !== originals[index].expression);
  }

  function makeSamples() {
    if (!row.samples.length) return [];
    const isChoice = new Set(row.samples.map((sample) => sample.expression)).size > 1;
    const folded = element("details");
    folded.open = !row.is_quiet;
    folded.append(element("summary", "", `What the model wrote (${row.samples[0].model || "no answer"})`));
    row.samples.forEach((sample, number) => {
      const box = element("div", "sample");
      box.append(element("b", "", `Sample ${number + 1} `));
      if (sample.expression) {
        box.append(element("code", "", sample.expression));
        if (isChoice) {
          box.append(button("Take this one", () => change({
            expression: sample.expression, source: sample.source, is_confirmed: false,
          })));
        }
      } else {
        box.append(element("span", "complaint", sample.problem || "no definition"));
      }
      const words = [sample.source, sample.rationale].filter(Boolean).join(": ");
      if (words) box.append(element("p", "note", words));
      sample.refusals.forEach((refusal) => box.append(describeRefusal(refusal)));
      folded.append(box);
    });
    return [folded];
  }

  refresh();
  requestAnimationFrame(() => grow(expression));
  return card;
}

function describeRefusal(refusal) {
  const line = element("p", "note refused", "Refused: ");
  if (refusal.position !== null) {
    const characters = [...refusal.text];
    const code = element("code");
    code.append(characters.slice(0, refusal.position).join(""));
    code.append(element("mark", "", characters[refusal.position] || "␣"));
    code.append(characters.slice(refusal.position + 1).join(""));
    line.append(code, element("br"));
  }
  line.append(refusal.reason);
  return line;
}

function describeTrial(row) {
  const trial = row.trial;
  if (!trial) return [];
  const names = trial.num_true.length > 1 ? ["sample 1 ", "sample 2 "] : [""];
  const counts = (numbers, total) => numbers.map((number, place) => `${names[place]}on ${number}`).join(", ")
    + ` of ${total}`;
  let text = `True of simulated records: ${counts(trial.num_true, trial.num_records)} as they come`;
  if (trial.num_showing) {
    text += `; ${counts(trial.num_true_showing, trial.num_showing)} that show the condition`;
  }
  const parts = [element("p", "note", `${text}.`)];
  if (trial.differences.length) {
    const folded = element("details");
    folded.append(element("summary", "", "Records on which the samples differ"));
    trial.differences.forEach((record) => {
      const which = record.is_true.map((isTrue, place) => `sample ${place + 1} ${isTrue ? "true" : "not true"}`);
      const numbers = Object.entries(record.measurements).map(([key, value]) => `${key} = ${value}`);
      folded.append(element("p", "note", `${record.record_id}: ${which.join(", ")}. ${numbers.join(", ")}`));
    });
    parts.push(folded);
  }
  return parts;
}

function isWanted(index) {
  const row = rows[index];
  if (status.value === "open" ? states[index].is_confirmed : status.value && row.status !== status.value) return false;
  const words = `${row.condition} ${states[index].expression} ${row.expression}`.toLowerCase();
  return search.value.toLowerCase().split(/\s+/).every((term) => words.includes(term));
}

function count() {
  const numConfirmed = states.filter((state) => state.is_confirmed).length;
  const numExportable = rows.filter((_, index) => isExportable(index)).length;
  shown.textContent = `${list.childElementCount} of ${rows.length} definitions shown; ${numConfirmed} confirmed, `
    + `${numExportable} to be exported.`;
  exporter.disabled = numExportable === 0;
}

function show() {
  list.replaceChildren(...[...rows.keys()].filter(isWanted).map(makeCard));
  count();
}

function exportCorrections() {
  const lines = rows.map((row, index) => [row.condition, states[index], index])
    .filter(([, , index]) => isExportable(index))
    .map(([condition, state]) => JSON.stringify({ condition, ...state }));
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "application/x-ndjson" }));
  link.download = "corrections.jsonl";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  isExported = true;
}

for (const input of [search, status]) input.addEventListener("input", show);
exporter.addEventListener("click", exportCorrections);
window.addEventListener("beforeunload", (event) => { if (!isExported) event.preventDefault(); });
show();
