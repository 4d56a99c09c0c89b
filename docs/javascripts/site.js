// What the theme leaves unnamed for readers of the screen: the search dialog, tables and the buttons of a block of code.
document$.subscribe(() => {
  document.querySelector(".md-search")?.setAttribute("aria-label", "Search");
  nameAll();
  new MutationObserver(nameAll).observe(document.body, { childList: true, subtree: true });
});

function nameAll() {
  document.querySelectorAll(".md-code__nav:not([aria-label])").forEach((buttons, number) => {
    buttons.setAttribute("aria-label", `Buttons of block ${number + 1}, ${buttons.closest("[id]")?.id ?? "code"}`);
  });
  document.querySelectorAll(".md-typeset__scrollwrap:not([tabindex])").forEach((table) => {
    table.setAttribute("tabindex", "0"); // so that the arrow keys scroll it
  });
}
