// Shows the messages of the list that a pasted text may be; … in a message stands for a value.
document.addEventListener("DOMContentLoaded", () => {
  const field = document.getElementById("find-message");
  if (!field) return;
  const found = document.getElementById("found-messages");
  const oneLine = (text) => text.replace(/\s+/g, " ").trim();
  const entries = Array.from(document.querySelectorAll(".message"), (element) => {
    const text = oneLine(element.querySelector(".message-text").textContent);
    return { element, text: text.toLowerCase(), parts: text.split("…").filter(Boolean) };
  });
  const sections = Array.from(document.querySelectorAll("section")).filter(
    (section) => section.id.startsWith("in-"));

  // The fixed parts of a message, in their order
  function isIn(entry, typed) {
    let place = 0;
    return entry.parts.every((part) => {
      const found = typed.indexOf(part, place);
      place = found + part.length;
      return found >= 0;
    });
  }

  function show() {
    const typed = oneLine(field.value);
    let those = entries.filter((entry) => typed && isIn(entry, typed));
    if (typed && !those.length) those = entries.filter((entry) => entry.text.includes(typed.toLowerCase()));
    entries.forEach((entry) => { entry.element.hidden = Boolean(typed) && !those.includes(entry); });
    sections.forEach((section) => { section.hidden = !section.querySelector(".message:not([hidden])"); });
    found.textContent = !typed ? "" : those.length === 1 ? "1 message" : `${those.length} messages`;
  }
  field.addEventListener("input", show);
});
