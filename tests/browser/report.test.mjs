// The HTML report in a browser: what a person with a mouse, a keyboard, a phone, a printer or a screen reader does with
// it, and what a hostile estate may not do.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { extractText, getDocumentProxy } from "unpdf";
import { ESTATE, aispm, axe, close, folder, open, report, written } from "./browser.mjs";

const estate = report("estate", ESTATE);
const assessment = JSON.parse(aispm("assess", ESTATE, "--format", "json"));

const text = (page, selector) => page.$eval(selector, (element) => element.innerText);
const rows = (page) => page.$$eval("table.findings tbody tr:not(.group)", (rows) => rows.length);
const focused = (page) => page.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.textContent);
const overflow = (page) => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
const viewBox = (page) => page.$eval(".view svg", (svg) => svg.getAttribute("viewBox").split(" ").map(Number));

/** What a printer gets: the text of all pages, without the white space at which lines break. */
async function printed(page) {
  const pdf = await page.pdf({ format: "A4" });
  const { totalPages, text } = await extractText(await getDocumentProxy(new Uint8Array(pdf)), { mergePages: true });
  return { pages: totalPages, text: text.replace(/\s+/g, "") };
}

test("the same estate gives the same page", () => {
  assert.equal(readFileSync(report("again", ESTATE), "utf8"), readFileSync(estate, "utf8"));
});

test("findings are filtered, sorted, opened and counted", async () => {
  const page = await open(estate);
  const all = assessment.findings.length;
  assert.equal(await text(page, ".count"), `${all} findings`);

  await page.click("[name=severity][value=high]");
  const high = assessment.summary.findings.high;
  assert.equal(await text(page, ".count"), `${all - high} of ${all} findings`);
  assert.equal(await rows(page), all - high);

  await page.click("[type=reset]");
  await page.waitForFunction((all) => document.querySelector(".count").innerText === `${all} findings`, {}, all);
  const first = assessment.findings[0];
  await page.type("[name=text]", `${first.rule.toLowerCase()} ${first.asset.slice(-8).toUpperCase()}`);
  const shown = await page.$$eval("table.findings tbody code", (codes) => codes.map((code) => code.textContent));
  assert.ok(shown.length > 0 && shown.every((rule) => rule === first.rule));

  await page.click("[type=reset]");
  await page.select("[name=framework]", "owasp");
  const ours = assessment.findings.filter((finding) => finding.controls?.some((control) => control.framework === "owasp"));
  assert.equal(await rows(page), ours.length);

  await page.click("[type=reset]");
  const assets = () => page.$$eval("table.findings tbody td:nth-child(3) b", (names) => names.map((name) => name.textContent));
  for (const [order, compare] of [["ascending", (a, b) => (a < b ? -1 : 1)], ["descending", (a, b) => (a < b ? 1 : -1)]]) {
    await page.click("thead [value=asset]");
    assert.equal(await page.$eval("th[aria-sort]", (head) => `${head.innerText.trim()} ${head.ariaSort}`), `Asset ${order}`);
    assert.deepEqual(await assets(), (await assets()).toSorted(compare));
  }

  await page.click(".what .title");
  assert.equal(await page.$eval(".what .title", (title) => title.ariaExpanded), "true");
  assert.match(await text(page, ".detail"), /examples\/estate\//);
  await page.click(".what .title");
  assert.equal(await page.$(".detail"), null);
  await close(page);
});

test("a control of a framework leads to its findings", async () => {
  const page = await open(estate);
  await page.click("#fw-owasp summary");
  const link = await page.$("#fw-owasp [data-filter]");
  const n = parseInt(await link.evaluate((link) => link.textContent), 10);
  await link.click();
  assert.equal(await rows(page), n);
  await page.click("#overview .severities .critical a");
  assert.equal(await rows(page), assessment.summary.findings.critical);
  await close(page);
});

test("a path is drawn, and its fix is read in the panel", async () => {
  const page = await open(estate);
  await page.click(".choices [href='#p2']");
  assert.equal(await focused(page), "p2");
  const path = assessment.paths[1];
  const panel = await text(page, "#p2");
  for (const said of [path.title, path.steps[0].description, path.fixes[0].action]) assert.ok(panel.includes(said), said);
  assert.equal(await page.$eval("#p1", (other) => other.checkVisibility()), false);
  const drawn = await page.$$eval(".view .node .name", (names) => names.map((name) => name.textContent));
  assert.ok(drawn.includes("Internet"));

  await page.click("#p2 .patch summary");
  assert.ok((await text(page, "#p2 .patch pre")).includes(path.fixes.find((fix) => fix.patch).patch.text.trim().split("\n")[0]));

  // an arrow leads to its step
  await page.click(".view .move:nth-of-type(3) circle");
  assert.equal(await focused(page), "p2s3");
  assert.ok(await page.$eval("#p2s3", (step) => step.classList.contains("on")));
  assert.equal(await text(page, ".told"), await text(page, "#p2s3 p"));

  // the map leads to a path
  await page.click(".choices [href='#map']");
  assert.match(await text(page, "#map"), /cuts \d+ of \d+ paths/);
  await page.click(".view .move circle");
  assert.match(await focused(page), /^p\d$/);
  await close(page);
});

test("the drawing is moved and zoomed by mouse, wheel, fingers and keys", async () => {
  const page = await open(estate, { touch: true });
  await page.$eval(".stage", (stage) => stage.scrollIntoView({ block: "center" }));
  const { x, y, width, height } = await (await page.$(".view")).boundingBox();
  const [middle, centre] = [x + width / 4, y + height / 2];
  const whole = await viewBox(page);
  const changed = async (what, isRight) => {
    const before = await viewBox(page);
    await what();
    const after = await viewBox(page);
    assert.ok(isRight(before, after), `${what}: ${before} → ${after}`);
  };
  await page.mouse.move(middle, centre);
  await page.mouse.down();
  await changed(() => page.mouse.move(middle + 60, centre + 30, { steps: 4 }), (a, b) => b[0] < a[0] - 20 && b[1] < a[1] - 10 && a[2] === b[2]);
  await page.mouse.up();
  await changed(() => page.mouse.move(middle, centre), (a, b) => `${a}` === `${b}`);
  await changed(() => page.click("[aria-label='Zoom in']"), (a, b) => b[2] < a[2]);
  await changed(() => page.click("[aria-label='Zoom out']"), (a, b) => b[2] > a[2]);
  await changed(() => page.click("[aria-label='Fit all of it']"), (a, b) => `${b}` === `${whole}`);
  await page.keyboard.down("Control");
  await page.mouse.move(middle, centre);
  const wheel = async (deltaY) => {
    await page.mouse.wheel({ deltaY });
    await new Promise((done) => setTimeout(done, 100));
  };
  await changed(() => wheel(-100), (a, b) => b[2] < a[2]);
  await page.keyboard.up("Control");
  await page.focus(".view");
  await changed(() => page.keyboard.press("0"), (a, b) => `${b}` === `${whole}`);
  await changed(() => page.keyboard.press("ArrowRight"), (a, b) => b[0] > a[0]);
  await changed(() => page.keyboard.press("+"), (a, b) => b[2] < a[2]);
  await changed(() => page.keyboard.press("-"), (a, b) => b[2] > a[2]);

  const session = await page.createCDPSession();
  const touch = (type, ...points) => session.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  await changed(async () => {
    await touch("touchStart", [middle - 20, centre], [middle + 20, centre]);
    for (const by of [30, 45, 60]) await touch("touchMove", [middle - by, centre], [middle + by, centre]);
    await touch("touchEnd");
  }, (a, b) => b[2] < a[2]);
  await close(page);
});

test("everything can be done by keyboard", async () => {
  const page = await open(estate);
  const reach = async (isThere) => {
    for (let n = 0; n < 400; n += 1) {
      await page.keyboard.press("Tab");
      if (await page.evaluate(isThere)) {
        const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
        assert.notEqual(outline, "none", "the focus is seen");
        return;
      }
    }
    assert.fail(`never reached: ${isThere}`);
  };
  await page.keyboard.press("Tab");
  assert.equal(await focused(page), "skip");
  await page.keyboard.press("Enter");
  await reach(() => document.activeElement.getAttribute("href") === "#p2" && document.activeElement.closest(".choices"));
  await page.keyboard.press("Enter");
  assert.equal(await focused(page), "p2");
  await reach(() => document.activeElement.matches("#p2 .patch summary"));
  await page.keyboard.press("Enter");
  assert.ok(await page.$eval("#p2 .patch", (patch) => patch.open));
  await page.keyboard.press("Escape");
  assert.equal(await page.$eval(".panel", (panel) => panel.checkVisibility()), false);
  assert.equal(await page.evaluate(() => document.activeElement.hash), "#p2", "focus goes back to what opened the panel");
  await reach(() => document.activeElement.matches(".view .move"));
  await page.keyboard.press("Enter");
  assert.match(await focused(page), /^p2s\d/);
  await page.keyboard.press("Escape");
  assert.equal(await focused(page), "view");
  await reach(() => document.activeElement.name === "text");
  await page.keyboard.type("sandbox");
  await reach(() => document.activeElement.matches("thead button[value=rule]"));
  await page.keyboard.press("Space");
  assert.equal(await page.$eval("th[aria-sort]", (head) => head.innerText.trim()), "Rule");
  await reach(() => document.activeElement.matches(".what .title"));
  await page.keyboard.press("Enter");
  assert.ok(await page.$(".detail"));
  await close(page);
});

test("it is dark or light as the system is, and as the button says", async () => {
  const paper = (page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const seen = [];
  for (const [scheme, other] of [["light", "Dark"], ["dark", "Light"]]) {
    const page = await open(estate, { scheme });
    assert.equal(await text(page, ".theme"), other);
    const before = await paper(page);
    await page.click(".theme");
    seen.push([before, await paper(page)]);
    await close(page);
  }
  const [[light, switched], [dark, back]] = seen;
  assert.notEqual(light, dark);
  assert.deepEqual([switched, back], [dark, light]);
});

test("axe finds nothing, in both themes, wide and narrow, with everything open", async () => {
  for (const scheme of ["light", "dark"]) {
    for (const width of [1280, 320]) {
      const page = await open(estate, { scheme, width });
      await page.click(".choices [href='#p1']");
      await page.$eval("#p1 .patch", (patch) => { patch.open = true; });
      await page.click(".what .title");
      await page.$$eval("main details", (blocks) => blocks.forEach((block) => { block.open = true; }));
      assert.deepEqual(await axe(page), [], `${scheme} ${width}`);
      assert.equal(await overflow(page), 0, `${scheme} ${width} does not scroll sideways`);
      await close(page);
    }
  }
});

test("it can be read without its script, also in a sandboxed frame", async () => {
  const page = await open(estate, { script: false, width: 320 });
  const seen = await page.$eval("main", (main) => main.innerText);
  for (const { title, message } of assessment.findings) assert.ok(seen.includes(title) && seen.includes(message), message);
  for (const path of assessment.paths) assert.ok(seen.includes(path.steps.at(-1).description));
  assert.equal(await page.$eval(".filters", (filters) => filters.checkVisibility()), false);
  assert.equal(await page.$eval("#p1 svg", (svg) => svg.checkVisibility()), true);
  assert.equal(await overflow(page), 0);
  await close(page);

  const plain = await open(estate);
  await plain.evaluate(() => document.documentElement.classList.remove("js")); // axe needs a script itself
  assert.deepEqual(await axe(plain), []);
  await close(plain);

  const escaped = readFileSync(estate, "utf8").replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  const frame = join(folder, "frame.html");
  writeFileSync(frame, `<!doctype html><title>notebook</title><iframe srcdoc="${escaped}" sandbox width="900" height="600"></iframe>`);
  const outer = await open(frame, { script: false });
  const inner = await (await outer.$("iframe")).contentFrame();
  assert.ok((await inner.$eval("main", (main) => main.innerText)).includes(assessment.findings[0].message));
  await outer.close();
});

test("all that is found can be printed", async () => {
  for (const options of [{}, { scheme: "dark", script: false }]) {
    const page = await open(estate, options);
    const { pages, text } = await printed(page);
    assert.ok(pages > 1 && pages < 60, `${pages} pages`);
    const wanted = [
      ...assessment.findings.flatMap(({ title, message, fix }) => [title, message, fix]),
      ...assessment.paths.flatMap((path) => [...path.steps.map((step) => step.description), ...path.fixes.map((fix) => fix.action)]),
      ...assessment.unknown.map(({ needs }) => needs),
    ];
    for (const words of wanted) assert.ok(text.includes(words.replace(/\s+/g, "")), words);
    await close(page);
  }
});

test("what changed since the baseline is told", async () => {
  const old = structuredClone(assessment);
  const [fresh, ...known] = old.findings;
  const gone = { ...fresh, fingerprint: "0".repeat(32), title: "Fixed long ago" };
  old.findings = [...known, gone];
  const page = await open(report("changed", ESTATE, "--baseline", written("old.json", old)));
  assert.match(await text(page, "#changes"), new RegExp(`1\\s+new\\s+1\\s+resolved\\s+${known.length}\\s+as before`));
  await page.click("#changes [data-filter='state=new']");
  assert.equal(await rows(page), 1);
  assert.equal(await text(page, ".what .tag"), "new");
  assert.deepEqual(await axe(page), []);
  await page.$$eval("#changes details", (blocks) => blocks.forEach((block) => { block.open = true; }));
  assert.match(await text(page, "#changes"), /Fixed long ago/);
  await close(page);
});

const HOSTILE = [
  "<script>window.hit=1</script>", '"><img src=x onerror="window.hit=1">', "</script><script>window.hit=1</script>",
  "javascript:window.hit=1", "' onmouseover='window.hit=1", "<!--<script>", "</style><svg onload=window.hit=1>", "{{data}}",
];

test("a hostile estate is shown and does nothing", async () => {
  const estate = join(folder, "hostile");
  mkdirSync(estate);
  const items = HOSTILE.flatMap((hostile) => {
    const metadata = { name: hostile, namespace: "support", labels: { app: hostile }, annotations: { owner: hostile } };
    const env = [{ name: "OPENAI_API_KEY", value: hostile }];
    const containers = [{ name: hostile, image: "vllm/vllm-openai:latest", args: ["--model", hostile], env }];
    const spec = { selector: { matchLabels: { app: hostile } }, template: { metadata, spec: { containers } } };
    return [
      { apiVersion: "v1", kind: "Service", metadata, spec: { type: "LoadBalancer", selector: { app: hostile }, ports: [{ port: 8000 }] } },
      { apiVersion: "apps/v1", kind: "Deployment", metadata, spec },
    ];
  });
  written("hostile/chat.json", { apiVersion: "v1", kind: "List", items });
  written("hostile/mcp.json", { mcpServers: Object.fromEntries(HOSTILE.map((hostile) => [hostile, { command: "npx", args: ["-y", hostile] }])) });
  const file = report("hostile", estate);
  for (const script of [true, false]) {
    const page = await open(file, { script });
    const panels = script ? ".findings" : "main";
    const seen = await page.$eval(panels, (panel) => panel.innerText);
    for (const hostile of HOSTILE) assert.ok(seen.includes(hostile), `${hostile} is shown as text`);
    if (script) {
      assert.ok(await page.$(".choices a"), "a path through it is drawn");
      await page.$$eval(".choices a, .what .title, .theme, thead button", (all) => all.forEach((one) => one.click()));
      await page.hover(".what .title");
    }
    assert.equal(await page.evaluate(() => window.hit), undefined);
    const bad = await page.$$eval("main *, header *", (elements) => elements.flatMap((element) => [...element.attributes])
      .filter(({ name, value }) => name.startsWith("on") || name === "style" || (name === "href" && !value.startsWith("#")))
      .map(({ name, value }) => `${name}=${value}`));
    assert.deepEqual(bad, []);
    assert.equal(await page.$("img, iframe, object, embed, base, link"), null);
    await close(page);
  }
});

test("five thousand findings stay fluid", async () => {
  const estate = join(folder, "many");
  mkdirSync(estate);
  const servers = Array.from({ length: 4000 }, (_, n) => [`tickets-${n}`, { command: "npx", args: ["-y", `acme-tickets-mcp-${n}`] }]);
  written("many/mcp.json", { mcpServers: Object.fromEntries(servers) });
  const deployment = (n) => {
    const metadata = { name: `chat-${n}`, namespace: `team-${n % 40}`, annotations: { owner: `team-${n % 40}@acme.example` } };
    const containers = [{ name: "vllm", image: "vllm/vllm-openai:latest", args: ["--model", `acme/support-${n}`] }];
    return { apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { template: { metadata, spec: { containers } } } };
  };
  written("many/chat.json", { apiVersion: "v1", kind: "List", items: Array.from({ length: 1200 }, (_, n) => deployment(n)) });
  const file = report("many", estate);
  const size = statSync(file).size;
  const begun = performance.now();
  const page = await open(file);
  const load = performance.now() - begun;
  const all = parseInt((await text(page, ".count")).replaceAll(",", ""), 10);
  assert.ok(all >= 5000, `${all} findings`);
  assert.ok(size < 8e6, `${size} bytes`);

  // from the key to the next frame
  const latency = await page.evaluate(async () => {
    const input = document.querySelector("[name=text]");
    const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const took = [];
    for (const words of ["t", "ti", "tickets-1", "team-3", "mcp.json", "sup-004 team-21", "", "nothing at all"]) {
      await frame();
      const start = performance.now();
      input.value = words;
      input.dispatchEvent(new Event("input", { bubbles: true }));
      document.body.offsetHeight;
      took.push(performance.now() - start);
    }
    return took.sort((a, b) => a - b);
  });
  const worst = latency.at(-1);
  console.log(`# ${all} findings: ${(size / 1e6).toFixed(1)} MB, open after ${load.toFixed(0)} ms, a filter takes ${latency[latency.length >> 1].toFixed(0)} ms, at worst ${worst.toFixed(0)} ms`);
  assert.ok(worst < 500, `a filter takes ${worst} ms`);

  await page.click("[type=reset]");
  await page.waitForFunction(() => !document.querySelector(".pages").hidden);
  await page.click(".pages [value='1']");
  assert.match(await text(page, ".pages"), /51–100 of/);
  await page.type("[name=text]", "tickets-3999");
  const { text: paper } = await printed(page);
  assert.ok(paper.includes("tickets-3999"));
  await close(page);
});
