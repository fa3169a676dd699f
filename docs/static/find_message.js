// Shows the messages of the list that a pasted text may be; … in a message stands for a value.
document.addEventListener("DOMContentLoaded", () => {
  const field = document.getElementById("find-message");
  if (!field) return;
  const found = document.getElementById("found-messages");
  const oneLine = (text) => text.replace(/\s+/g, " ").trim();
  const entries = Array.from(document.querySelectorAll(".message"), (element) => {
    const text = oneLine(element.querySelector(".message-text").textContent);
    const parts = text.replace(/^…+|…+$/g, "").split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return { element, text: text.toLowerCase(), pattern: new RegExp(parts.join(".*?"), "s") };
  });
  const sections = Array.from(document.querySelectorAll("section")).filter(
    (section) => section.id.startsWith("in-"));

  function show() {
    const typed = oneLine(field.value);
    let those = entries.filter((entry) => typed && entry.pattern.test(typed));
    if (typed && !those.length) those = entries.filter((entry) => entry.text.includes(typed.toLowerCase()));
    entries.forEach((entry) => { entry.element.hidden = Boolean(typed) && !those.includes(entry); });
    sections.forEach((section) => { section.hidden = !section.querySelector(".message:not([hidden])"); });
    found.textContent = !typed ? "" : those.length === 1 ? "1 message" : `${those.length} messages`;
  }
  field.addEventListener("input", show);
});
