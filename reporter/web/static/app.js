"use strict";
// Keeps the figures of a page current, and reads the values of a chart under the pointer. The page works without it.

const main = document.getElementById("main");
const base = document.body.dataset.base;

async function refresh() {
  if (document.hidden || document.activeElement?.closest("form")) return;
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
  let polling = null;
  const poll = () => { polling ??= setInterval(refresh, 15000); };
  if (!window.EventSource) { poll(); return; }
  const stream = new EventSource(base + "/live");
  stream.addEventListener("change", refresh);
  stream.onopen = () => { clearInterval(polling); polling = null; };
  stream.onerror = poll;
  addEventListener("pagehide", () => stream.close());
}

function listen() {
  for (const chart of document.querySelectorAll(".chart[data-values]")) {
    const values = chart.dataset.values.split(" "), labels = chart.dataset.labels.split(" ");
    const svg = chart.querySelector("svg"), output = chart.querySelector("output");
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const at = Math.round((event.clientX - box.left) / box.width * (values.length - 1));
      const index = Math.min(values.length - 1, Math.max(0, at));
      output.textContent = `${labels[index]}: ${values[index]} ${chart.dataset.currency}`;
    });
    svg.addEventListener("pointerleave", () => { output.textContent = ""; });
  }
}

listen();
if (main.dataset.live === "yes") follow();
