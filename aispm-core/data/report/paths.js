// attack paths: a stage that draws the chosen one, and a panel beside it with its steps and cuts
const explorer = () => {
  const place = one(".explorer");
  if (!place) return;
  const panel = one(".panel", place);
  const links = all(".choices a", place);
  const view = make("div", { className: "view", tabIndex: 0 });
  const button = (text, label, press) => {
    const it = make("button", { type: "button", textContent: text, title: label });
    it.setAttribute("aria-label", label);
    it.addEventListener("click", press);
    return it;
  };
  const told = make("p", { className: "told" });
  told.setAttribute("role", "status");
  const tools = make("div", { className: "tools" },
    button("+", "Zoom in", () => zoom(0.8)), button("−", "Zoom out", () => zoom(1.25)), button("Fit", "Fit all of it", () => fit()));
  const stage = make("div", { className: "stage" }, view, tools, told);
  view.setAttribute("role", "application");
  view.setAttribute("aria-label", "Drawing. Arrow keys move it, plus and minus zoom, 0 shows all of it.");
  panel.before(stage);
  const close = button("×", "Close the panel", () => shut());
  close.className = "close";

  let svg, box, whole, chosen, opener;
  const show = () => svg.setAttribute("viewBox", [box.x, box.y, box.w, box.h].join(" "));
  // the whole drawing, but never larger than it is drawn
  const fit = () => {
    const TOOLS = 44;
    const w = view.clientWidth || whole.w, h = view.clientHeight || whole.h;
    const scale = Math.max(whole.w / w, whole.h / (h - TOOLS), 0.9);
    box = { w: w * scale, h: h * scale };
    box.x = (whole.w - box.w) / 2;
    box.y = (whole.h - box.h - TOOLS * scale) / 2;
    show();
  };
  const zoom = (by, x = 0.5, y = 0.5) => {
    const w = Math.min(Math.max(box.w * by, 120), whole.w * 4 + 2000);
    const ratio = w / box.w;
    box = { x: box.x + box.w * (1 - ratio) * x, y: box.y + box.h * (1 - ratio) * y, w, h: box.h * ratio };
    show();
  };
  const move = (x, y) => {
    box.x -= (x * box.w) / view.clientWidth;
    box.y -= (y * box.h) / view.clientHeight;
    show();
  };

  // one finger or the mouse moves, two fingers or the wheel with Ctrl zoom
  const pointers = new Map();
  const spread = () => { const [a, b] = [...pointers.values()]; return Math.hypot(a.x - b.x, a.y - b.y) || 1; };
  view.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    pointers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  view.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const before = pointers.size === 2 && spread();
    const next = { x: event.clientX, y: event.clientY };
    if (!before && !view.hasPointerCapture(event.pointerId)) {
      if (Math.hypot(next.x - last.x, next.y - last.y) < 4) return;
      view.setPointerCapture(event.pointerId); // a drag, not a click on an arrow
    }
    pointers.set(event.pointerId, next);
    if (before) zoom(before / spread());
    move((next.x - last.x) / pointers.size, (next.y - last.y) / pointers.size);
  });
  for (const end of ["pointerup", "pointercancel", "pointerleave"]) {
    view.addEventListener(end, (event) => {
      if (end !== "pointerleave" || !view.hasPointerCapture(event.pointerId)) pointers.delete(event.pointerId);
    });
  }
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const at = view.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 0.88 : 1.14, (event.clientX - at.x) / at.width, (event.clientY - at.y) / at.height);
  }, { passive: false });
  view.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] }[event.key];
    if (moves && event.target === view) move(...moves);
    else if (event.key === "+" || event.key === "=") zoom(0.8);
    else if (event.key === "-") zoom(1.25);
    else if (event.key === "0") fit();
    else return;
    event.preventDefault();
  });

  const light = (step) => {
    for (const on of all(".on", place)) on.classList.remove("on");
    if (!step) return;
    step.classList.add("on");
    for (const arrow of all(".move", view)) arrow.classList.toggle("on", arrow.getAttribute("href") === "#" + step.id);
    told.textContent = one("p", step).textContent;
  };
  const draw = (article) => {
    if (chosen === article) return;
    for (const old of all("article", panel)) old.classList.toggle("chosen", old === article);
    for (const link of links) {
      if (link.hash === "#" + article.id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
    chosen = article;
    told.textContent = "";
    const drawing = one(".drawing", article);
    view.replaceChildren(drawing ? drawing.cloneNode(true) : make("p", { textContent: "Too large to be drawn." }));
    svg = view.firstChild;
    const { width, height } = drawing ? drawing.viewBox.baseVal : { width: 1, height: 1 };
    whole = { w: width, h: height };
    one("header", article).append(close);
    fit();
  };
  const shut = () => {
    place.classList.remove("open");
    fit();
    if (opener) opener.focus();
  };
  // shows what the id names: a path, or a step or cut in it
  const open = (id, from) => {
    const target = document.getElementById(id);
    const article = target && target.closest("article.path");
    if (!article) return false;
    place.classList.add("open");
    draw(article);
    fit();
    light(target.classList.contains("step") && target);
    if (from && !panel.contains(from)) opener = view.contains(from) ? view : from;
    target.focus({ preventScroll: true });
    target.scrollIntoView({ block: "nearest" });
    return true;
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (link && open(decodeURIComponent(link.getAttribute("href").slice(1)), link)) event.preventDefault();
  });
  place.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && place.classList.contains("open")) shut();
  });
  panel.addEventListener("mouseover", (event) => {
    const step = event.target.closest(".step");
    if (step) light(step);
  });
  addEventListener("resize", () => fit());
  addEventListener("hashchange", () => open(decodeURIComponent(location.hash.slice(1)), links[0]));

  const worst = one("#p1", panel);
  draw(worst);
  if (matchMedia("(min-width: 64rem)").matches) {
    place.classList.add("open");
    opener = links.find((link) => link.hash === "#p1");
    fit();
  }
};
