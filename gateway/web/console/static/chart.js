// Reads a curve out where the pointer is, and zooms into what is dragged over. Links and the form do it without.
import { localTime } from "./times.js";

const clock = new Intl.DateTimeFormat("en-GB", {
  timeZone: "UTC", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit",
});

for (const figure of document.querySelectorAll(".curve[data-points]")) bring(figure);

function bring(figure) {
  const points = JSON.parse(figure.dataset.points);
  const [since, until] = [Number(figure.dataset.since), Number(figure.dataset.until)];
  const slider = figure.querySelector("input[type=range]");
  const output = figure.querySelector(".readout");
  const charts = [...figure.querySelectorAll("svg.chart")];
  if (!points.length) return;
  let dragged = null;

  /** Where a second stands in a drawing. */
  function place(chart, second) {
    const [left, right] = [Number(chart.dataset.left), Number(chart.dataset.right)];
    return left + (right - left) * Math.min(1, Math.max(0, (second - since) / (until - since)));
  }

  /** The second under the pointer. */
  function secondAt(chart, event) {
    const box = chart.getBoundingClientRect();
    const x = (event.clientX - box.left) * chart.viewBox.baseVal.width / box.width;
    const [left, right] = [Number(chart.dataset.left), Number(chart.dataset.right)];
    return since + (until - since) * Math.min(1, Math.max(0, (x - left) / (right - left)));
  }

  function read(index) {
    const [second, highest, arrivals] = points[index];
    const words = `${clock.format((second + 1) * 1000)} UTC: count ${highest.toLocaleString("en-GB")}, ` +
      `${arrivals.toLocaleString("en-GB")} counted since the point before`;
    output.textContent = words;
    output.title = localTime((second + 1) * 1000);
    slider.value = index;
    slider.setAttribute("aria-valuetext", words);
    for (const chart of charts) {
      const cursor = chart.querySelector(".cursor");
      cursor.setAttribute("transform", `translate(${place(chart, second)} 0)`);
      cursor.setAttribute("visibility", "visible");
    }
  }

  function nearest(second) {
    const step = points.length > 1 ? points[1][0] - points[0][0] : 1;
    return Math.min(points.length - 1, Math.max(0, Math.round((second - points[0][0]) / step)));
  }

  function select(from, to) {
    for (const chart of charts) {
      const [a, b] = [place(chart, Math.min(from, to)), place(chart, Math.max(from, to))];
      const selection = chart.querySelector(".selection");
      selection.setAttribute("x", a);
      selection.setAttribute("width", b - a);
      selection.setAttribute("visibility", b - a > 2 ? "visible" : "hidden");
    }
  }

  function zoom(from, to) {
    const minute = (second) => new Date(Math.floor(second / 60) * 60000).toISOString().slice(0, 16) + "Z";
    const address = new URL(location.href);
    address.searchParams.delete("span");
    address.searchParams.set("from", minute(Math.min(from, to)));
    address.searchParams.set("to", minute(Math.max(from, to) + 59));
    location.assign(address);
  }

  for (const chart of charts) {
    chart.addEventListener("pointermove", (event) => {
      const second = secondAt(chart, event);
      read(nearest(second));
      if (dragged !== null) select(dragged, second);
    });
    chart.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || event.button !== 0) return;
      event.preventDefault();
      chart.setPointerCapture(event.pointerId);
      dragged = secondAt(chart, event);
    });
    chart.addEventListener("pointerup", (event) => {
      if (dragged === null) return;
      const [from, to] = [dragged, secondAt(chart, event)];
      dragged = null;
      if (Math.abs(place(chart, from) - place(chart, to)) > 8) zoom(from, to);
      else select(from, from);
    });
    chart.addEventListener("pointercancel", () => { dragged = null; select(since, since); });
  }
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && dragged !== null) { dragged = null; select(since, since); }
  });
  slider.max = points.length - 1;
  slider.value = slider.max;
  slider.addEventListener("input", () => read(Number(slider.value)));
  figure.querySelector(".pointer").hidden = false;
  figure.classList.add("works");
}
