"use strict";
// Rows: count, statement, entities, reader, status, problem, rules, number of spellings. Text is set as text, never as HTML.
const [COUNT, STATEMENT, ENTITIES, READER, STATUS, PROBLEM, RULES, SPELLINGS] = Array(8).keys();
const PAGE = 100;
const STATUS_TEXT = { disagrees: "the rules differ", failed: "left to the rules", unread: "not read" };

const rows = JSON.parse(document.getElementById("statements-data").textContent);
const ancestors = JSON.parse(document.getElementById("ancestors-data").textContent);
const words = rows.map((row) => [row[STATEMENT], ...[...row[ENTITIES], ...(row[RULES] || [])].map((pair) => pair[0])]
  .join("\n").toLowerCase());
const [search, status, certainty, chosen, shown, more] = ["search", "status", "certainty", "chosen", "shown", "more"]
  .map((id) => document.getElementById(id));
const body = document.querySelector("#statements tbody");
const usualReader = findUsual(rows.map((row) => row[READER]));
let finding = null;   // only statements that name it
let sorting = null;   // [column, is descending]; the order of the file otherwise
let limit = PAGE;

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

function chips(pairs, others) {
  const shared = new Set((others || []).map((pair) => pair.join("|")));
  return pairs.map(([name, kind]) => {
    const chip = element("span", `chip ${kind}${shared.has(`${name}|${kind}`) ? " shared" : ""}`, name);
    chip.title = kind;
    return chip;
  });
}

function isKind(name) {
  return name === finding || (ancestors[name] || []).includes(finding);
}

function isWanted(index, terms) {
  const row = rows[index];
  const pairs = row[ENTITIES];
  if (status.value === "none" ? pairs.length : status.value && row[STATUS] !== status.value) return false;
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

function makeRow(row) {
  const line = element("tr");
  const findings = element("td");
  const found = chips(row[ENTITIES], row[RULES]);
  findings.append(...(found.length ? found : [element("span", "remark", "no finding")]));
  if (row[RULES]) {
    const rules = element("div", "rules", "rules: ");
    rules.append(...(row[RULES].length ? chips(row[RULES], row[ENTITIES]) : ["no finding"]));
    findings.append(rules);
  }
  const remarks = element("td");
  const remark = (kind, text) => remarks.append(element("span", `remark ${kind}`, text));
  if (STATUS_TEXT[row[STATUS]]) remark(row[STATUS], STATUS_TEXT[row[STATUS]]);
  if (row[PROBLEM]) remark("", row[PROBLEM]);
  if (row[SPELLINGS] > 1) remark("", `${row[SPELLINGS]} spellings`);
  if (row[READER] !== usualReader) remark("", `read by ${row[READER]}`);
  line.append(element("td", "number", row[COUNT].toLocaleString("en")), element("td", "", row[STATEMENT]));
  line.append(findings, remarks);
  return line;
}

function show() {
  const indices = select();
  const total = indices.reduce((sum, index) => sum + rows[index][COUNT], 0);
  body.replaceChildren(...indices.slice(0, limit).map((index) => makeRow(rows[index])));
  more.hidden = indices.length <= limit;
  shown.textContent = `${indices.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} statements, `
    + `written ${total.toLocaleString("en")} times`;
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
