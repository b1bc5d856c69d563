"use strict";
// attack paths: a step and its arrow light up together, and a path lights up in the map
(() => {
  const arrows = (id) => [...document.querySelectorAll(".move")].filter((a) => a.getAttribute("href") === "#" + id);
  const light = (path, step) => {
    for (const on of path.querySelectorAll(".on")) on.classList.remove("on");
    if (!step) return;
    step.classList.add("on");
    for (const arrow of arrows(step.id)) arrow.classList.add("on");
  };
  for (const path of document.querySelectorAll("details.path")) {
    const steps = [...path.querySelectorAll(".step")];
    const bar = path.querySelector(".walk");
    const told = bar.querySelector("[role=status]");
    let at = -1;
    const go = (to, scroll) => {
      at = Math.max(-1, Math.min(steps.length - 1, to));
      light(path, steps[at]);
      told.textContent = at < 0 ? "" : "step " + (at + 1) + " of " + steps.length + ": " + steps[at].querySelector("p").textContent;
      if (scroll && steps[at]) steps[at].scrollIntoView({ block: "nearest" });
    };
    bar.hidden = steps.length < 2;
    bar.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) go(at + Number(button.value), true);
    });
    steps.forEach((step, n) => step.addEventListener("mouseenter", () => go(n, false)));
    path.addEventListener("click", (event) => {
      const arrow = event.target.closest(".move");
      const n = arrow ? steps.findIndex((step) => arrow.getAttribute("href") === "#" + step.id) : -1;
      if (n >= 0) go(n, false);
    });
    path.addEventListener("keydown", (event) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (by && event.target.closest(".walk, .move")) { event.preventDefault(); go(at + by, true); }
    });
  }
  const map = document.querySelector(".map");
  const pick = document.querySelector(".pick select");
  if (map && pick) {
    pick.parentElement.hidden = false;
    pick.addEventListener("change", () => {
      const path = pick.value && document.getElementById(pick.value);
      for (const arrow of map.querySelectorAll(".move")) {
        const takes = (arrow.dataset.paths || "").split(" ").includes(pick.value);
        arrow.classList.toggle("on", Boolean(path) && takes);
        arrow.classList.toggle("off", Boolean(path) && !takes);
      }
      if (path) path.open = true;
    });
  }
})();
(() => {
  const bar = document.querySelector(".filters");
  if (!bar) return;
  bar.hidden = false;
  const groups = [...document.querySelectorAll("[data-severity]")];
  const search = bar.querySelector("input");
  const none = document.querySelector(".no-match");
  const apply = () => {
    const off = new Set([...bar.querySelectorAll("button[aria-pressed=false]")].map((b) => b.value));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const group of groups) {
      const text = group.textContent.toLowerCase();
      group.hidden = off.has(group.dataset.severity) || !words.every((word) => text.includes(word));
      if (!group.hidden) shown += 1;
    }
    none.hidden = shown > 0;
  };
  bar.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
    apply();
  });
  search.addEventListener("input", apply);

  // an arrow leads into a closed path: open it first
  const reveal = () => {
    const id = location.hash.slice(1);
    const target = id && document.getElementById(id);
    const closed = target && target.closest("details");
    if (closed) closed.open = true;
    if (target) target.scrollIntoView({ block: "nearest" });
  };
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
  reveal();
})();
