"use strict";
// Charts on one time axis. This comes after page.js, whose controls it uses, and after the script that defines vegaEmbed.

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
    this.place = null;
    this.drawn = null;
  }
  // The points of each curve, in their order: pairs of place and value; null is a gap.
  get curves() {
    this.points ??= this.spec.data.values.reduce((all, {x, y, s}) => { (all[s] ??= []).push([x, y]); return all; }, []);
    return this.points;
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
      if (this.place !== null) this.at(this.place);
      this.drag();
    });
    return this.drawn;
  }
  zoom(range) {
    this.range = range;
    if (this.view && range) this.view.signal("from", range[0]).signal("to", range[1]).runAsync();
  }
  at(place) {
    this.place = place;
    this.view?.signal("at", place).runAsync();
  }
  // Dragging across the chart selects a stretch of the axis; a finger scrolls the page.
  drag() {
    if (!this.onDrag) return;
    const shade = Object.assign(document.createElement("div"), {className: "shade", hidden: true});
    this.element.append(shade);
    const inside = (event) => event.clientX - this.element.getBoundingClientRect().left;
    const placeAt = (pixel) => this.view.scale("x").invert(pixel - this.view.origin()[0]);
    let start = null, dragged = false;
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
      start = null;
      shade.hidden = true;
      dragged = right - left > 8;
      if (dragged) this.onDrag([placeAt(left), placeAt(right)]);
    });
    this.element.addEventListener("click", (event) => {
      if (!dragged) this.onPick?.(placeAt(inside(event)));
      dragged = false;
    });
    this.element.addEventListener("dblclick", () => this.onDrag(null));
  }
}

function drawWhenNear(plots) {
  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) { plots.get(entry.target).draw(); near.unobserve(entry.target); }
  }, {rootMargin: "400px"});
  for (const element of plots.keys()) near.observe(element);
  addEventListener("beforeprint", () => plots.forEach((plot) => plot.draw()));  // paper has what has not been seen
  document.addEventListener("toggle", () => dispatchEvent(new Event("resize")), true);  // a chart in <details> gets its width
}

// As Python prints them: four digits, and powers of ten for the very small and the very large.
function numberText(value) {
  if (Math.abs(value) >= 1e4 && Math.abs(value) < 1e7) return value.toFixed(0);
  const [digits, power] = value.toExponential(3).split("e").map(Number);
  const sign = power < 0 ? "-" : "+", shown = String(Math.abs(power)).padStart(2, "0");
  return value === 0 || (power >= -4 && power < 4) ? String(Number(value.toPrecision(4))) : `${digits}e${sign}${shown}`;
}

// The value of a curve at a place, or at the place next to it that has a value or a gap, which is then named: after a
// shorter run has ended, its last one. Before the curve begins there is none.
function valueText(curve, place, unit) {
  const begin = curve[0][0], between = (curve[curve.length - 1][0] - begin) / (curve.length - 1);  // NaN for one
  if (place <= begin - between) return "–";
  const [x, y] = curve.reduce((best, point) => (Math.abs(point[0] - place) < Math.abs(best[0] - place) ? point : best));
  return `${y === null ? "not finite" : numberText(y)}${x === place ? "" : ` (${unit} ${x})`}`;
}

// A slider over all places at which a curve has a value. The values are in the legends and in a column of the table.
function valuesAt(plots, unit, numbers) {
  const places = [...new Set(plots.flatMap((plot) => plot.curves.flatMap((curve) => curve.map(([x]) => x))))].sort((a, b) => a - b);
  const {label, input, output} = control(`Values at ${unit}`, {min: 0, max: places.length - 1, step: 1, value: places.length - 1});
  const names = plots.map((plot) => plot.element.parentElement.querySelectorAll(".at"));
  const head = Object.assign(document.createElement("th"), {className: "number", scope: "col"});
  numbers.querySelector("thead .number").before(head);  // the first of the numbers, where a phone shows it
  const cells = [...numbers.querySelectorAll("tbody tr")].map((row) => {
    const cell = Object.assign(document.createElement("td"), {className: "number"});
    row.querySelector(".number").before(cell);
    return [cell, plots[row.dataset.curve.split(":")[0]]?.curves[row.dataset.curve.split(":")[1]]];
  });
  const show = () => {
    const place = places[input.value];
    head.textContent = `at ${unit} ${place}`;
    output.textContent = place;
    input.setAttribute("aria-valuetext", `${unit} ${place}`);
    for (const [cell, curve] of cells) cell.textContent = curve ? valueText(curve, place, unit) : "no chart";
    plots.forEach((plot, number) => names[number].forEach((name, curve) => {
      const shown = plot.curves[curve] && names[number].length >= plot.curves.length;  // else the chart names no curve
      name.textContent = shown ? valueText(plot.curves[curve], place, unit) : "";
    }));
    return place;
  };
  const mark = () => { const place = show(); plots.forEach((plot) => plot.at(place)); };
  input.addEventListener("input", mark);
  for (const plot of plots) plot.onPick = (wanted) => {
    input.value = places.reduce((best, place, number) => (Math.abs(place - wanted) < Math.abs(places[best] - wanted) ? number : best), 0);
    mark();
  };
  show();
  return label;
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
    for (const {input, output} of [from, to]) input.setAttribute("aria-valuetext", `${unit} ${output.textContent}`);
    own.forEach((plot) => plot.zoom(range));
  };
  const read = (moved) => {
    const end = first + Math.floor((last - first) / step + 1e-9) * step;  // the last place that the slider can have
    let a = Number(from.input.value), b = Number(to.input.value) > end - step / 2 ? last : Number(to.input.value);
    if (b - a < step) { if (moved === from) a = Math.max(first, b - step); else b = Math.min(last, a + step); }
    show([a, b]);
  };
  for (const plot of own) plot.onDrag = (range) => show(range ? [Math.max(first, range[0]), Math.min(last, range[1])] : [first, last]);
  from.input.addEventListener("input", () => read(from));
  to.input.addEventListener("input", () => read(to));
  const bar = document.createElement("div");
  bar.className = "controls axis";
  bar.append(from.label, to.label, button("Whole run", () => show([first, last])));
  if (section.dataset.numbers) bar.append(valuesAt(own, unit, document.getElementById(section.dataset.numbers)));
  section.prepend(bar);
  show([first, last]);
}

const plots = new Map([...document.querySelectorAll(".plot")].map((element) => [element, new Plot(element)]));
document.querySelectorAll(".time-axis").forEach((section) => timeAxis(section, plots));
drawWhenNear(plots);
