"use strict";
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
