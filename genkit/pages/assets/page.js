"use strict";
// Theme, charts on one time axis, sliders through pictures, buttons that copy. A page without this script shows the rest.

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

// Colours are variables of the style sheet, so a chart follows the theme without being drawn again.
const CONFIG = {
  background: null, font: "system-ui, sans-serif", view: {stroke: null}, aria: false,
  axis: {labelColor: "var(--muted)", titleColor: "var(--muted)", titleFontWeight: "normal", gridColor: "var(--line)",
    domainColor: "var(--line)", tickColor: "var(--line)", labelFontSize: 11, gridOpacity: 0.7},
};

class Plot {
  constructor(element) {
    this.element = element;
    this.spec = JSON.parse(element.parentElement.querySelector(".spec").textContent);
    this.range = null;
    this.drawn = null;
  }
  draw() {
    if (this.drawn) return this.drawn;
    const spec = {width: "container", autosize: {type: "fit", contains: "padding", resize: true}, ...this.spec};
    // `ast` interprets expressions, so the page needs no right to evaluate text as code.
    const options = {mode: "vega-lite", ast: true, actions: false, renderer: "svg", config: CONFIG, defaultStyle: false,
      tooltip: {disableDefaultStyle: true, theme: "custom"}};
    this.drawn = vegaEmbed(this.element, spec, options).then((result) => {
      this.view = result.view;
      this.element.querySelector("svg").setAttribute("aria-hidden", "true");  // the label of the plot says what it shows
      this.zoom(this.range);
      this.drag();
    });
    return this.drawn;
  }
  zoom(range) {
    this.range = range;
    if (this.view && range) this.view.signal("from", range[0]).signal("to", range[1]).runAsync();
  }
  // Dragging across the chart selects a stretch of the axis; a finger scrolls the page.
  drag() {
    if (!this.onDrag) return;
    const shade = Object.assign(document.createElement("div"), {className: "shade", hidden: true});
    this.element.append(shade);
    const inside = (event) => event.clientX - this.element.getBoundingClientRect().left;
    let start = null;
    this.element.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || event.button !== 0) return;
      start = inside(event);
      this.element.setPointerCapture(event.pointerId);
    });
    this.element.addEventListener("pointermove", (event) => {
      if (start === null) return;
      shade.hidden = false;
      Object.assign(shade.style, {left: `${Math.min(start, inside(event))}px`, width: `${Math.abs(inside(event) - start)}px`});
    });
    this.element.addEventListener("pointerup", (event) => {
      if (start === null) return;
      const [left, right] = [start, inside(event)].sort((a, b) => a - b);
      const at = (place) => this.view.scale("x").invert(place - this.view.origin()[0]);
      start = null;
      shade.hidden = true;
      if (right - left > 8) this.onDrag([at(left), at(right)]);
    });
    this.element.addEventListener("dblclick", () => this.onDrag(null));
  }
}

function drawWhenNear(plots) {
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { plots.get(entry.target).draw(); near.unobserve(entry.target); }
  }, {rootMargin: "400px"});
  for (const element of plots.keys()) near.observe(element);
  // Paper has everything: what is folded is opened for it, and what has not been seen is drawn.
  const opened = [];
  addEventListener("beforeprint", () => {
    for (const each of document.querySelectorAll("details:not([open])")) { each.open = true; opened.push(each); }
    plots.forEach((plot) => plot.draw());
  });
  addEventListener("afterprint", () => opened.splice(0).forEach((each) => { each.open = false; }));
  document.addEventListener("toggle", () => dispatchEvent(new Event("resize")), true);  // a chart in <details> gets its width
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

function timeAxis(section, plots) {
  const own = [...section.querySelectorAll(".plot")].map((element) => plots.get(element)).filter((plot) => plot.spec.params);
  const first = Math.min(...own.map((plot) => plot.spec.params[0].value)), last = Math.max(...own.map((plot) => plot.spec.params[1].value));
  if (!(last > first)) return;
  const unit = section.dataset.unit, whole = unit === "step" && last - first >= 1;  // there is no step 208.1
  const step = whole ? Math.max(1, Math.round((last - first) / 200)) : (last - first) / 200;
  const from = control(`From ${unit}`, {min: first, max: last, step, value: first});
  const to = control(`to ${unit}`, {min: first, max: last, step, value: last});
  const show = ([a, b]) => {
    const range = whole ? [Math.max(first, Math.floor(a)), Math.min(last, Math.ceil(b))] : [a, b];
    from.input.value = range[0]; to.input.value = range[1];
    from.output.textContent = Number(range[0].toPrecision(4)); to.output.textContent = Number(range[1].toPrecision(4));
    own.forEach((plot) => plot.zoom(range));
  };
  const read = (moved) => {
    let a = Number(from.input.value), b = to.input.value >= to.input.max - step ? last : Number(to.input.value);
    if (b - a < step) { if (moved === from) a = Math.max(first, b - step); else b = Math.min(last, a + step); }
    show([a, b]);
  };
  for (const plot of own) plot.onDrag = (range) => show(range ? [Math.max(first, range[0]), Math.min(last, range[1])] : [first, last]);
  from.input.addEventListener("input", () => read(from));
  to.input.addEventListener("input", () => read(to));
  const bar = document.createElement("div");
  bar.className = "controls axis";
  bar.append(from.label, to.label, button("Whole run", () => show([first, last])));
  section.prepend(bar);
  show([first, last]);
}

function slider(element) {
  const pictures = [...element.querySelectorAll(":scope > .picture")], last = pictures.length - 1;
  const {label, input, output} = control(element.dataset.title, {min: 0, max: last, step: 1, value: last});
  const show = () => {
    pictures.forEach((picture, number) => { picture.hidden = number !== Number(input.value); });
    output.textContent = pictures[input.value].querySelector("figcaption")?.textContent ?? `${Number(input.value) + 1} of ${last + 1}`;
    input.setAttribute("aria-valuetext", output.textContent);
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
  const made = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      made.textContent = "Copied";
    } catch {  // no clipboard: select the text, so that the keyboard copies it
      getSelection().selectAllChildren(code);
      made.textContent = "Selected";
    }
    setTimeout(() => { made.textContent = "Copy"; }, 2000);
  });
  made.setAttribute("aria-label", `Copy: ${element.dataset.label}`);
  element.classList.add("ready");
  element.append(made);
}

themeButton();
document.querySelectorAll(".slider").forEach(slider);
document.querySelectorAll(".choice").forEach(choice);
document.querySelectorAll(".copyable").forEach(copyButton);
const plots = new Map([...document.querySelectorAll(".plot")].map((element) => [element, new Plot(element)]));
document.querySelectorAll(".time-axis").forEach((section) => timeAxis(section, plots));
drawWhenNear(plots);
