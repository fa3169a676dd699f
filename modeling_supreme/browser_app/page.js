// Findings are buttons: the one that was pressed says so, and asks the server for its evidence.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-place]");
  if (!button) return;
  for (const each of element.querySelectorAll("button[data-place]")) {
    each.setAttribute("aria-pressed", String(each === button));
  }
  trigger("click", { place: Number(button.dataset.place) });
});
