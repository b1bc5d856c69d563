"use strict";
// the page as a whole: helpers, theme, links that set the filters, print
const root = document.documentElement;
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// an element with properties and children; text never becomes markup
const make = (tag, properties, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children.filter(Boolean));
  return element;
};

const theme = () => {
  const button = one(".theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; button.title = button.textContent + " theme"; };
  button.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; name(); });
  system.addEventListener("change", name);
  name();
};

// what a link leads to may stand in a closed block
const reveal = () => {
  let id = location.hash.slice(1);
  try { id = decodeURIComponent(id); } catch { /* a link from elsewhere */ }
  const target = id && document.getElementById(id);
  if (!target) return;
  for (let up = target; up; up = up.parentElement) if (up.localName === "details") up.open = true;
  target.scrollIntoView({ block: "nearest" });
};

const printing = (findings) => {
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    for (const block of closed) block.open = true;
    findings(true);
  });
  addEventListener("afterprint", () => {
    for (const block of closed) block.open = false;
    findings(false);
  });
};

root.classList.add("js");
document.addEventListener("DOMContentLoaded", () => {
  try {
    theme();
    explorer();
    printing(findings());
    addEventListener("hashchange", reveal);
    reveal();
  } catch (error) {
    root.classList.remove("js"); // the page as it was written is better than half of this one
    throw error;
  }
});
