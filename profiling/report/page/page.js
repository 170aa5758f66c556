"use strict";
(() => {
  const darkColours = JSON.parse(document.getElementById("dark").textContent);
  let charts = [];
  let drawn = false;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const root = document.documentElement;
  const isPrinting = () => root.classList.contains("printing");
  const options = {
    responsive: true,
    displaylogo: false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  };
  const dashes = {
    solid: "", dash: "6 3", dot: "2 3", dashdot: "6 3 2 3", longdash: "10 3", longdashdot: "10 3 2 3",
  };
  const shapes = {
    circle: "M14 5a3 3 0 1 0 .01 0z",
    square: "M11 5h6v6h-6z",
    diamond: "M14 4l4 4-4 4-4-4z",
    "triangle-up": "M14 4l4 7h-8z",
    "triangle-down": "M14 12l4-7h-8z",
    cross: "M13 4h2v3h3v2h-3v3h-2v-3h-3v-2h3z",
  };
  // What plotly draws for the same names on its bars.
  const patterns = {
    "": "", "/": "M-2 18L18-2M-6 14L14-6M2 22L22 2", "\\": "M-2-2L18 18M-6 2L14 22M2-6L22 14",
    x: "M-2 18L18-2M-2-2L18 18M-6 8L8-6M8 22L22 8M-6 8L8 22M8-6L22 8",
    "-": "M0 4h16M0 12h16", "|": "M4 0v16M12 0v16", "+": "M0 8h16M8 0v16",
    ".": "M4 4h.01M12 4h.01M4 12h.01M12 12h.01M8 8h.01",
  };

  function drawing(width, parts) {
    const space = "http://www.w3.org/2000/svg";
    const make = (tag, attributes) => {
      const part = document.createElementNS(space, tag);
      for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
      return part;
    };
    const svg = make("svg", { width, height: 16, "aria-hidden": "true" });
    for (const [tag, attributes] of parts) svg.append(make(tag, attributes));
    return svg;
  }

  // The key of a curve in its button: the same stroke and marker as in the charts.
  function drawKey(key) {
    const { dash, symbol } = key.dataset;
    const stroke = { stroke: "currentColor", "stroke-width": 2, "stroke-dasharray": dashes[dash] };
    key.append(drawing(28, [
      ["line", { x1: 0, x2: 28, y1: 8, y2: 8, ...stroke }],
      ["path", { d: shapes[symbol], fill: "currentColor" }],
    ]));
  }

  // The key of a component: the same colour and pattern as in its bars.
  function drawPatch(patch) {
    const lines = { d: patterns[patch.dataset.pattern], stroke: "var(--paper)", "stroke-width": 1.6, "stroke-linecap": "round" };
    patch.append(drawing(16, [["rect", { width: 16, height: 16, fill: "currentColor" }], ["path", lines]]));
  }

  function darkened(text) {
    const channels = text.match(/^rgba\((\d+),(\d+),(\d+),([\d.]+)\)$/);
    if (!channels) return darkColours[text] ?? text;
    const hex = (digits) => "#" + digits.map((digit) => Number(digit).toString(16).padStart(2, "0")).join("");
    const dark = darkColours[hex(channels.slice(1, 4))];
    return dark ? dark + Math.round(Number(channels[4]) * 1.6 * 255).toString(16).padStart(2, "0") : text;
  }

  // A copy in the colours of the reader's system, which plotly may write into.
  function coloured(value) {
    const dark = prefersDark.matches && !isPrinting();
    if (typeof value === "string") return dark ? darkened(value) : value;
    if (Array.isArray(value)) return value.map(coloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, coloured(inner)]));
  }

  // What the buttons and selectors of a section leave visible.
  function choicesOf(section) {
    const pressed = [...section.querySelectorAll(".chip[aria-pressed=true]")];
    return {
      comparison: section.querySelector("select.comparison")?.value,
      measure: section.querySelector("select.measure")?.value,
      contenders: new Set(pressed.map((chip) => chip.dataset.contender)),
      families: new Set(pressed.map((chip) => chip.dataset.family)),
    };
  }

  function isVisible({ meta = {} }, { comparison, measure, contenders, families }) {
    if (meta.comparison !== undefined && meta.comparison !== comparison) return false;
    if (meta.measure !== undefined && meta.measure !== measure) return false;
    if (meta.contender !== undefined) return contenders.has(meta.contender);
    return meta.family === undefined || families.has(meta.family);
  }

  function visibleAxes({ meta = {} }, { measure }) {
    const axes = Object.entries(meta.axes ?? {});
    return Object.fromEntries(axes.map(([axis, of]) => [`${axis}.visible`, of === measure]));
  }

  // The axis of ratios goes by the comparison that is shown.
  function ticksOf({ meta = {} }, { comparison }) {
    const ticks = Object.entries(meta.ticks?.[comparison] ?? {});
    return Object.fromEntries(ticks.map(([name, values]) => [`yaxis2.${name}`, values]));
  }

  const placesOf = (section) => section.querySelectorAll(".chart");
  const sections = document.querySelectorAll("section.modality, section.frontier, #steadiness");

  function hideFigures(section, { contenders }) {
    for (const figure of section.querySelectorAll("figure[data-contender]")) {
      figure.hidden = !contenders.has(figure.dataset.contender);
    }
  }

  function draw(section) {
    const choices = choicesOf(section);
    for (const place of placesOf(section)) {
      const { data, layout } = coloured(charts[Number(place.dataset.chart)]);
      for (const trace of data) trace.visible = isVisible(trace, choices);
      for (const [axis, of] of Object.entries(layout.meta?.axes ?? {})) layout[axis].visible = of === choices.measure;
      Object.assign(layout.yaxis2 ?? {}, layout.meta?.ticks?.[choices.comparison]);
      if (touch) layout.dragmode = false; // a finger on a chart scrolls the page
      // Said, not left to plotly: it looks at the width only after the sheet is printed.
      if (isPrinting()) layout.width = place.clientWidth;
      else layout.autosize = true;
      const buttons = touch || layout.meta?.axes ? { displayModeBar: false } : {}; // they would cover a small chart
      Plotly.react(place, data, layout, { ...options, ...buttons });
    }
    hideFigures(section, choices);
  }

  function update(section) {
    if (!drawn) return; // what is chosen before the charts are there is obeyed when they are drawn
    const choices = choicesOf(section);
    hideFigures(section, choices);
    for (const place of placesOf(section)) {
      const visible = place.data.map((trace) => isVisible(trace, choices));
      Plotly.update(place, { visible }, { ...visibleAxes(place.layout, choices), ...ticksOf(place.layout, choices) });
      if (place.offsetParent) Plotly.Plots.resize(place);
    }
  }

  function download(button) {
    const { columns, rows } = charts[Number(button.dataset.chart)].table;
    const cell = (value) => {
      const text = value === null ? "" : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const lines = [columns, ...rows].map((row) => row.map(cell).join(",") + "\r\n");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
    link.download = button.dataset.name.replace(/[^\w.-]+/g, "-") + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  // Plotly's script and the data are most of the page, so they come packed.
  async function unpack(id) {
    const bytes = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  async function load() {
    charts = JSON.parse(await unpack("charts"));
    const script = document.createElement("script");
    script.textContent = await unpack("plotly");
    document.head.append(script);
  }

  function drawAll() {
    sections.forEach(draw);
  }

  function listen(section) {
    section.addEventListener("change", () => update(section));
    section.addEventListener("click", (event) => {
      const chip = event.target.closest(".chip");
      if (!chip) return;
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      update(section);
    });
  }

  // On paper charts are light and as wide as the sheet.
  function drawForPaper(printing) {
    root.classList.toggle("printing", printing);
    drawAll();
  }

  async function start() {
    try {
      await load();
    } catch (error) {
      document.getElementById("undrawn").hidden = false;
      return;
    }
    drawAll();
    drawn = true;
    root.classList.add("drawn"); // from now on there is something to download
    prefersDark.addEventListener("change", drawAll);
    window.addEventListener("beforeprint", () => drawForPaper(true));
    window.addEventListener("afterprint", () => drawForPaper(false));
  }

  document.querySelectorAll(".key").forEach(drawKey);
  document.querySelectorAll(".patch").forEach(drawPatch);
  document.addEventListener("click", (event) => {
    const button = event.target.closest(".download");
    if (button) download(button);
  });
  sections.forEach(listen);
  start();
})();
