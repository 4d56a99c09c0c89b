"use strict";
// Theme, sliders through pictures, buttons that copy, what is folded on paper. A page without this script shows the rest.

const root = document.documentElement;

function themeButton() {
  const button = document.getElementById("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const shown = () => root.dataset.theme || (system.matches ? "dark" : "light");
  const label = () => { button.textContent = shown() === "dark" ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => { root.dataset.theme = shown() === "dark" ? "light" : "dark"; label(); });
  system.addEventListener("change", label);
  button.hidden = false;
  label();
}

function control(text, attributes) {
  const label = document.createElement("label"), input = document.createElement("input"), output = document.createElement("output");
  Object.assign(input, {type: "range", ...attributes});
  label.append(text, input, output);
  return {label, input, output};
}

function button(text, onClick) {
  const made = Object.assign(document.createElement("button"), {type: "button", textContent: text});
  made.addEventListener("click", onClick);
  return made;
}

function slider(element) {
  const pictures = [...element.querySelectorAll(":scope > .picture")], last = pictures.length - 1;
  const {label, input, output} = control(element.dataset.title, {min: 0, max: last, step: 1, value: last});
  const show = () => {
    pictures.forEach((picture, number) => { picture.hidden = number !== Number(input.value); });
    const name = pictures[input.value].querySelector("figcaption")?.textContent ?? `${Number(input.value) + 1} of ${last + 1}`;
    const title = `${element.dataset.title} `;
    output.textContent = name.toLowerCase().startsWith(title.toLowerCase()) ? name.slice(title.length) : name;  // "Step: 30"
    input.setAttribute("aria-valuetext", name);
  };
  input.addEventListener("input", show);
  const bar = document.createElement("div");
  bar.className = "controls";
  bar.append(label);
  element.prepend(bar);
  element.classList.add("ready");  // the label of the picture is beside the slider
  show();
}

// One of several parts at a time, chosen by name; without script and in print all of them.
function choice(element) {
  const options = [...element.querySelectorAll(":scope > .option")];
  if (options.length < 2) return;
  const label = document.createElement("label"), select = document.createElement("select");
  options.forEach((option, number) => select.append(new Option(option.dataset.label, number)));
  const show = () => options.forEach((option, number) => { option.hidden = number !== Number(select.value); });
  select.addEventListener("change", show);
  label.append(element.dataset.title, select);
  const bar = document.createElement("div");
  bar.className = "controls";
  bar.append(label);
  element.prepend(bar);
  show();
}

function copyButton(element) {
  const code = element.querySelector("code");
  const status = Object.assign(document.createElement("span"), {className: "visually-hidden"});
  const say = (text) => { made.textContent = status.textContent = text; };
  const made = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      say("Copied");
    } catch {  // no clipboard: select the text, so that the keyboard copies it
      getSelection().selectAllChildren(code);
      say("Selected");
    }
    setTimeout(() => { made.textContent = "Copy"; status.textContent = ""; }, 2000);
  });
  status.setAttribute("role", "status");  // the label of the button hides its text from a screen reader
  made.setAttribute("aria-label", `Copy: ${element.dataset.label}`);
  element.classList.add("ready");
  element.append(made, status);
}

// A frame that scrolls can be reached by Tab, and says by its class on which sides there is more. Columns of a table stop
// beside its names, which stay. A frame that is hidden gets its size later.
function scrollSign(frame) {
  let placed = frame.dataset.start !== "middle";
  const show = () => {
    const hidden = frame.scrollWidth - frame.clientWidth;
    if (!placed && hidden > 2) { frame.scrollLeft = hidden / 2; placed = true; }
    frame.classList.toggle("more", hidden - frame.scrollLeft > 2);
    frame.classList.toggle("less", frame.scrollLeft > 2);
    const names = frame.querySelector(".results tbody th:first-child:not([colspan])");  // not the title of a row
    if (names) frame.style.scrollPaddingLeft = `${names.offsetWidth}px`;
    frame.tabIndex = hidden > 1 ? 0 : -1;
  };
  frame.addEventListener("scroll", show, {passive: true});
  new ResizeObserver(show).observe(frame);
}

// Paper has everything: what is folded is opened for it.
function unfoldForPaper() {
  const opened = [];
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details:not([open])")) { each.open = true; opened.push(each); }
  });
  addEventListener("afterprint", () => opened.splice(0).forEach((each) => { each.open = false; }));
}

// A link to what is folded opens it.
function unfold(link) {
  const place = document.getElementById(link.dataset.unfolds);
  link.addEventListener("click", () => place.querySelectorAll("details").forEach((each) => { each.open = true; }));
}

themeButton();
document.querySelectorAll(".slider").forEach(slider);
document.querySelectorAll(".choice").forEach(choice);
document.querySelectorAll(".copyable").forEach(copyButton);
document.querySelectorAll("[data-unfolds]").forEach(unfold);
document.querySelectorAll(".wide").forEach(scrollSign);
unfoldForPaper();
