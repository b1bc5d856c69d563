// findings: filtered, sorted and paged from the JSON block; gives a function that writes all of them for print
const findings = () => {
  const data = JSON.parse(one("#data").textContent);
  const table = one("table.findings");
  if (!data || !table) return () => {};
  const PAGE = 50;
  const form = one(".filters"), status = one(".count"), pages = one(".pages");
  const fields = form.elements;
  const grades = ["info", "low", "medium", "high", "critical"];
  const text = (n) => (n < 0 ? "" : data.texts[n]);
  const number = (n) => n.toLocaleString("en");
  const plural = (n, word) => number(n) + " " + word + (n === 1 ? "" : "s");

  const rows = data.findings.map(([severity, rule, asset, owner, message, fix, places, fingerprint, state, waiver]) => {
    const [id, title, why, controls] = data.rules[rule];
    const [name, assetId, kind, systems] = data.assets[asset];
    const row = { severity, rule: id, title, why, controls, asset: name, assetId, kind, systems, owner: text(owner) || "nobody",
      isOwned: owner >= 0, message: text(message), fix: text(fix), fingerprint, state, waiver: text(waiver),
      places: places.map(([place, excerpt]) => [text(place), text(excerpt)]) };
    row.frameworks = [...new Set(controls.map((n) => data.controls[n].split(" ")[0]))];
    row.search = [id, title, name, assetId, row.owner, row.message, fingerprint, ...row.places.map(([place]) => place)].join("\n").toLowerCase();
    return row;
  });

  // which values a select offers, most findings first
  const choices = {
    state: (row) => [[row.state, row.state]],
    rule: (row) => [[row.rule, row.rule + " " + row.title]],
    owner: (row) => [[(row.isOwned ? "+" + row.owner : "-"), row.owner]],
    kind: (row) => [[row.kind, row.kind.replaceAll("-", " ")]],
    framework: (row) => row.frameworks.map((key) => [key, data.frameworks[key] || key]),
    system: (row) => row.systems.map((n) => data.systems[n]),
  };
  for (const [name, of] of Object.entries(choices)) {
    const counts = new Map();
    for (const row of rows) for (const [value, label] of of(row)) {
      const known = counts.get(value);
      counts.set(value, { label, n: known ? known.n + 1 : 1 });
    }
    const sorted = [...counts].sort((a, b) => b[1].n - a[1].n);
    fields[name].append(...sorted.map(([value, { label, n }]) => make("option", { value, textContent: label + " (" + number(n) + ")" })));
    fields[name].closest("label").hidden = counts.size < 2;
  }

  const view = { sort: "severity", descending: true, page: 0, open: new Set(), control: "", print: false, rows: [] };

  const matches = () => {
    const words = fields.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const severities = new Set(all("[name=severity]:checked", form).map((box) => box.value));
    const asked = Object.keys(choices).filter((name) => fields[name].value);
    const control = fields.control.checked ? data.controls.indexOf(view.control) : null;
    return rows.filter((row) => severities.has(row.severity) && words.every((word) => row.search.includes(word)) &&
      asked.every((name) => choices[name](row).some(([value]) => value === fields[name].value)) &&
      (control === null || row.controls.includes(control)));
  };
  const compare = (a, b) => {
    if (view.sort === "severity") return grades.indexOf(a.severity) - grades.indexOf(b.severity);
    return a[view.sort] < b[view.sort] ? -1 : a[view.sort] > b[view.sort] ? 1 : 0;
  };
  const apply = () => {
    // the block is sorted worst first, and sorting keeps that order among equals
    view.rows = matches().sort((a, b) => (view.descending ? compare(b, a) : compare(a, b)));
    view.page = 0;
    render();
  };

  const detail = (row) => {
    const list = make("ul", { className: "places" }, ...row.places.map(([place, excerpt]) =>
      make("li", {}, make("code", { textContent: place }), " ", excerpt && make("q", { textContent: excerpt }))));
    const tags = make("p", {}, ...row.controls.map((n) => make("span", { className: "tag", textContent: data.controls[n] })));
    return make("div", { className: "detail" }, row.why && make("p", { textContent: row.why }), list,
      row.fix && make("p", { className: "fix", textContent: row.fix }),
      row.waiver && make("p", { textContent: "Waived by " + row.waiver }), tags,
      make("p", { className: "soft" }, make("code", { textContent: row.assetId }), " · ", make("code", { textContent: row.fingerprint })));
  };
  const line = (row) => {
    const isOpen = view.print || view.open.has(row.fingerprint);
    const press = make("button", { type: "button", className: "title", textContent: row.title });
    press.setAttribute("aria-expanded", isOpen);
    const cell = make("td", { className: "what" }, press, row.state !== "open" && make("span", { className: "tag", textContent: row.state }), make("p", { textContent: row.message }), isOpen && detail(row));
    press.addEventListener("click", () => {
      const open = !view.open.delete(row.fingerprint);
      if (open) { view.open.add(row.fingerprint); cell.append(detail(row)); } else one(".detail", cell).remove();
      press.setAttribute("aria-expanded", open);
    });
    return make("tr", {},
      make("td", {}, make("span", { className: "badge " + row.severity, textContent: row.severity })), cell,
      make("td", {}, make("b", { textContent: row.asset, title: row.assetId }), " ", make("span", { className: "soft", textContent: row.kind.replaceAll("-", " ") })),
      make("td", { textContent: row.owner, className: row.isOwned ? "" : "soft" }), make("td", {}, make("code", { textContent: row.rule })));
  };
  const render = () => {
    const from = view.page * PAGE;
    const shown = view.print ? view.rows : view.rows.slice(from, from + PAGE);
    const body = [];
    let group;
    const groups = new Map();
    for (const row of view.rows) groups.set(row[view.sort], (groups.get(row[view.sort]) || 0) + 1);
    for (const row of shown) {
      if (row[view.sort] !== group && groups.size > 1 && groups.size < view.rows.length) {
        group = row[view.sort];
        body.push(make("tr", { className: "group" }, make("th", { colSpan: 5, scope: "colgroup", textContent: group + " · " + number(groups.get(group)) })));
      }
      body.push(line(row));
    }
    table.tBodies[0].replaceChildren(...body);
    for (const head of all("th[scope=col]", table)) {
      if (one("button", head).value === view.sort) head.setAttribute("aria-sort", view.descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
    const left = data.all - rows.length;
    status.textContent = (view.rows.length === rows.length ? plural(rows.length, "finding")
      : number(view.rows.length) + " of " + plural(rows.length, "finding")) +
      (left ? "; the JSON has " + number(left) + " more" : "");
    const last = Math.max(0, Math.ceil(view.rows.length / PAGE) - 1);
    pages.hidden = last === 0;
    const [back, next] = all("button", pages);
    back.disabled = view.page === 0;
    next.disabled = view.page === last;
    one("span", pages).textContent = number(from + 1) + "–" + number(Math.min(from + PAGE, view.rows.length)) + " of " + number(view.rows.length);
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", apply);
  form.addEventListener("reset", () => setTimeout(() => {
    fields.control.closest("label").hidden = !fields.control.checked;
    apply();
  }));
  one("thead", table).addEventListener("click", (event) => {
    const { value } = event.target;
    if (!value) return;
    view.descending = view.sort === value ? !view.descending : value === "severity";
    view.sort = value;
    apply();
  });
  pages.addEventListener("click", (event) => {
    if (!event.target.value) return;
    view.page += Number(event.target.value);
    render();
    one("#findings").scrollIntoView();
  });
  // "severity=high", "control=owasp LLM01:2025": links that set the filters and nothing else
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-filter]");
    if (!link) return;
    const [name, value] = link.dataset.filter.split(/=(.*)/s);
    form.reset();
    fields.control.closest("label").hidden = true;
    if (name === "severity") for (const box of all("[name=severity]", form)) box.checked = box.value === value;
    else if (name === "control") {
      view.control = value;
      fields.control.checked = true;
      fields.control.closest("label").hidden = false;
      fields.control.nextElementSibling.textContent = value;
    } else fields[name].value = value;
    apply();
  });
  apply();
  return (print) => { view.print = print; render(); };
};
