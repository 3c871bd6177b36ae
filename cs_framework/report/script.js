// Shows the frame behind a point of a timeline. Pictures are symbols of the page; texts are only ever set as text.
"use strict";
const viewer = document.getElementById("viewer");
const picture = viewer.querySelector("svg");
const boxes = viewer.querySelector("input");
let points = [];
let at = 0;

const walk = (to) => {
  points[at]?.classList.remove("current");
  at = Math.min(Math.max(to, 0), points.length - 1);
  points[at].classList.add("current");
};

const show = () => {
  const name = points[at].dataset.picture;
  picture.toggleAttribute("hidden", !name);
  viewer.querySelector(".missing").hidden = Boolean(name);
  if (name) {
    const symbol = document.getElementById(name);
    picture.setAttribute("viewBox", symbol.getAttribute("viewBox"));
    picture.querySelector("use").setAttribute("href", boxes.checked ? `#${name}` : `#${name}-plain`);
  }
  document.getElementById("viewer-caption").textContent = points[at].querySelector("title").textContent;
  if (!viewer.open) viewer.showModal();
};

const step = (by) => { walk(at + by); show(); };
const enter = (chart) => {
  const own = [...chart.querySelectorAll(".point")];
  if (own[0] !== points[0]) { points[at]?.classList.remove("current"); points = own; at = 0; }
};
const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10, Home: -Infinity, End: Infinity };

for (const chart of document.querySelectorAll("svg.timeline")) {
  chart.addEventListener("click", (event) => {
    const point = event.target.closest(".point");
    if (point) { enter(chart); walk(points.indexOf(point)); show(); }
  });
  chart.addEventListener("keydown", (event) => {
    if (!(event.key in steps) && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    enter(chart);
    if (event.key in steps) walk(points.some((p) => p.classList.contains("current")) ? at + steps[event.key] : at);
    else { walk(at); show(); }
  });
}
for (const button of viewer.querySelectorAll("[data-step]")) {
  button.addEventListener("click", () => step(Number(button.dataset.step)));
}
viewer.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft" || event.key === "ArrowRight") { event.preventDefault(); step(steps[event.key]); }
});
boxes.addEventListener("change", show);
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
for (const link of document.querySelectorAll("table.embryos a")) {
  link.addEventListener("click", () => { document.querySelector(link.getAttribute("href")).open = true; });
}
