// Starts the system's Chromium, makes reports with the built command, and opens them.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { after } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const AISPM = process.env.AISPM ?? join(ROOT, "target/release/aispm");
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

export const ESTATE = join(ROOT, "examples/estate");
export const folder = mkdtempSync(join(tmpdir(), "aispm-browser-"));

const browser = await puppeteer.launch({ executablePath: chromium(), args: ["--no-sandbox"] });
after(async () => {
  await browser.close();
  rmSync(folder, { recursive: true });
});

function chromium() {
  const names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];
  const found = [process.env.CHROMIUM, ...process.env.PATH.split(delimiter).flatMap((path) => names.map((name) => join(path, name)))];
  const runs = (file) => { try { accessSync(file, constants.X_OK); return true; } catch { return false; } };
  const file = found.find((file) => file && runs(file));
  assert.ok(file, "no Chromium found; name one in CHROMIUM");
  return file;
}

/** Runs the command; findings are no failure. */
export function aispm(...args) {
  return execFileSync(AISPM, args, { cwd: ROOT, encoding: "utf8", maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "inherit"] });
}

/** Writes JSON into the folder of this run. */
export function written(name, value) {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(value));
  return file;
}

/** The HTML report of an estate, as a file. */
export function report(name, estate, ...args) {
  const file = resolve(folder, `${name}.html`);
  aispm("assess", estate, "--format", "html", "-o", file, ...args);
  return file;
}

/** Opens a report. What went wrong in it, and what it asked the network for, is collected in `page.trouble`. */
export async function open(file, { width = 1280, height = 900, scheme = "light", script = true, touch = false } = {}) {
  const page = await browser.newPage();
  page.trouble = [];
  page.on("console", (message) => ["error", "warn"].includes(message.type()) && page.trouble.push(message.text()));
  page.on("pageerror", (error) => page.trouble.push(error.message));
  page.on("dialog", (dialog) => { page.trouble.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  page.on("request", (request) => request.url().startsWith("file:") || page.trouble.push(`request ${request.url().slice(0, 80)}`));
  await page.setJavaScriptEnabled(script);
  await page.setViewport({ width, height, hasTouch: touch });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await page.goto(pathToFileURL(file).href);
  return page;
}

/** Closes a page in which nothing may have gone wrong. */
export async function close(page) {
  const { trouble } = page;
  await page.close();
  assert.deepEqual(trouble, []);
}

/** What axe finds wrong, in a line each. The tool is put in beside the page's policy, which allows no other script. */
export async function axe(page) {
  const session = await page.createCDPSession();
  const source = (await import("node:fs")).readFileSync(AXE, "utf8");
  await session.send("Runtime.evaluate", { expression: source });
  const { result, exceptionDetails } = await session.send("Runtime.evaluate", {
    expression: "axe.run(document, { resultTypes: ['violations'] })", awaitPromise: true, returnByValue: true,
  });
  assert.equal(exceptionDetails, undefined);
  await session.detach();
  return result.value.violations.flatMap(({ id, help, nodes }) => nodes.slice(0, 5).map((node) => `${id}: ${help}: ${node.target} ${node.failureSummary}`));
}
