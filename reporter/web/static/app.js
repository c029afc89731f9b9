"use strict";
// Keeps the figures of a page current, and reads the values of a chart under the pointer. The page works without it.

const main = document.getElementById("main");
const base = document.body.dataset.base;

// What somebody has begun to write must not vanish under an update.
const isWritten = () => [...main.querySelectorAll("form input, form textarea")].some((one) => one.value !== one.defaultValue);

async function refresh() {
  if (document.hidden || document.activeElement?.closest("form") || isWritten()) return;
  try {
    const answer = await fetch(location.href, { headers: { "X-Part": "main" }, credentials: "same-origin" });
    if (answer.redirected || answer.status === 401) { location.reload(); return; }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("main");
    if (fresh && fresh.innerHTML !== main.innerHTML) { main.innerHTML = fresh.innerHTML; listen(); }
  } catch { /* the next turn tries again */ }
}

function follow() {
  let polling = null, stream = null;
  const poll = () => { polling ??= setInterval(refresh, 15000); };
  if (!window.EventSource) { poll(); return; }
  const open = () => {
    stream = new EventSource(base + "/live");
    stream.addEventListener("change", refresh);
    stream.onopen = () => { clearInterval(polling); polling = null; };
    stream.onerror = poll;
  };
  // A browser has six connections to a host, which hidden tabs would use up.
  const close = () => { stream?.close(); stream = null; };
  document.addEventListener("visibilitychange", () => { close(); if (!document.hidden) { open(); refresh(); } });
  addEventListener("pagehide", close);
  if (!document.hidden) open();
}

const hidden = new Set();  // the curves of agents that are switched off, by their names

function listen() {
  for (const chart of document.querySelectorAll(".chart[data-values]")) {
    const values = chart.dataset.values.split(" "), labels = chart.dataset.labels.split(" ");
    const svg = chart.querySelector("svg"), output = chart.querySelector("output"), here = chart.querySelector(".here");
    let index = values.length - 1;
    const show = (at) => {
      index = Math.min(values.length - 1, Math.max(0, at));
      const x = 1000 * index / (values.length - 1);
      here.setAttribute("d", `M${x},0 V300`);
      output.textContent = `${labels[index]}: ${values[index]} ${chart.dataset.currency}`;
    };
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      show(Math.round((event.clientX - box.left) / box.width * (values.length - 1)));
    });
    svg.addEventListener("keydown", (event) => {
      const to = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: values.length - 1 }[event.key];
      if (to !== undefined) { event.preventDefault(); show(to); }
    });
    svg.addEventListener("pointerleave", () => { output.textContent = ""; here.setAttribute("d", ""); });
    for (const box of chart.querySelectorAll("input[data-agent]")) {
      const name = box.parentElement.textContent, path = chart.querySelector(`path[data-agent="${box.dataset.agent}"]`);
      box.checked = !hidden.has(name);
      path.classList.toggle("off", hidden.has(name));
      box.addEventListener("change", () => {
        if (box.checked) hidden.delete(name); else hidden.add(name);
        path.classList.toggle("off", !box.checked);
      });
    }
  }
}

listen();
document.querySelector("nav [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });
if (main.dataset.live === "yes") follow();
