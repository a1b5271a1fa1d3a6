
"use strict";
// Reads the values of a chart under the pointer, or under the arrow keys when the chart has the focus.
for (const figure of document.querySelectorAll("figure")) {
  const chart = figure.querySelector(".chart"), svg = chart.querySelector("svg"), read = figure.querySelector(".read");
  const data = JSON.parse(figure.querySelector("script").textContent);
  const times = [...new Set(data.lines.flatMap((line) => line.points.map((point) => point[0])))].sort((a, b) => a - b);
  if (!times.length) continue;
  const cursor = document.createElementNS("http://www.w3.org/2000/svg", "line");
  cursor.setAttribute("class", "cursor");
  cursor.setAttribute("y1", "0");
  cursor.setAttribute("y2", "300");
  let at = -1;
  const show = (index) => {
    at = Math.max(0, Math.min(times.length - 1, index));
    const x = ((times[at] - data.first) / ((data.last - data.first) || 1)) * 1000;
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    svg.append(cursor);
    const said = data.lines.flatMap((line) => line.points.filter((point) => point[0] === times[at]).map((point) => `${line.name} ${point[1]}`));
    read.textContent = `${new Date(times[at] * 1000).toISOString().slice(0, 16).replace("T", " ")} UTC: ${said.join(", ")}`;
  };
  chart.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const wanted = data.first + ((event.clientX - box.left) / box.width) * (data.last - data.first);
    let best = 0;
    for (let index = 1; index < times.length; index++) if (Math.abs(times[index] - wanted) < Math.abs(times[best] - wanted)) best = index;
    show(best);
  });
  chart.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: times.length - 1 };
    if (event.key in moves) {
      event.preventDefault();
      show(moves[event.key]);
    }
  });
}
