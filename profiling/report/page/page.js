"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const touch = window.matchMedia("(pointer: coarse)").matches;
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

  // The key of a curve in its button: the same stroke and marker as in the charts.
  function drawKey(key) {
    const { colour, dash, symbol } = key.dataset;
    const space = "http://www.w3.org/2000/svg";
    const svg = document.createElementNS(space, "svg");
    for (const [name, value] of Object.entries({ width: 28, height: 16, "aria-hidden": "true" })) {
      svg.setAttribute(name, value);
    }
    const parts = [
      ["line", { x1: 0, x2: 28, y1: 8, y2: 8, stroke: colour, "stroke-width": 2, "stroke-dasharray": dashes[dash] }],
      ["path", { d: shapes[symbol], fill: colour }],
    ];
    for (const [tag, attributes] of parts) {
      const part = document.createElementNS(space, tag);
      for (const [name, value] of Object.entries(attributes)) part.setAttribute(name, value);
      svg.append(part);
    }
    key.append(svg);
  }

  // What the buttons and the selector of a modality leave visible.
  function filterOf(section) {
    const chosen = section.querySelector("select.comparison")?.value;
    const pressed = [...section.querySelectorAll(".chip[aria-pressed=true]")];
    const contenders = new Set(pressed.map((chip) => chip.dataset.contender));
    const families = new Set(pressed.map((chip) => chip.dataset.family));
    return ({ meta = {} }) => {
      if (meta.comparison !== undefined && meta.comparison !== chosen) return false;
      if (meta.contender !== undefined) return contenders.has(meta.contender);
      return meta.family === undefined || families.has(meta.family);
    };
  }

  function draw(section) {
    const isVisible = filterOf(section);
    for (const place of section.querySelectorAll(".chart")) {
      const { data, layout } = charts[Number(place.dataset.chart)];
      for (const trace of data) trace.visible = isVisible(trace);
      if (touch) layout.dragmode = false; // a finger on a chart scrolls the page
      Plotly.newPlot(place, data, layout, options);
    }
  }

  function update(section) {
    const isVisible = filterOf(section);
    for (const place of section.querySelectorAll(".chart")) {
      Plotly.restyle(place, { visible: place.data.map(isVisible) });
    }
  }

  document.querySelectorAll(".key").forEach(drawKey);
  for (const section of document.querySelectorAll("section.modality, #steadiness")) {
    draw(section);
    section.addEventListener("change", () => update(section));
    section.addEventListener("click", (event) => {
      const chip = event.target.closest(".chip");
      if (!chip) return;
      chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
      update(section);
    });
  }
})();
