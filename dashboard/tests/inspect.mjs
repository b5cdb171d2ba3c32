// Opens a page as a reader does and tells everything that is wrong with it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** A page that collects whatever the browser complains about. */
export async function open(browser, url, { width = 1440, height = 900, ready = true, allow = [] } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, deviceScaleFactor: 1, reducedMotion: "reduce" });
  const page = await context.newPage();
  const problems = [];
  const note = (text) => { if (!allow.some((a) => text.includes(a))) problems.push(text); };
  page.on("console", (m) => { if (m.type() === "error" || m.type() === "warning") note(`console ${m.type()}: ${m.text()}`); });
  page.on("pageerror", (e) => note(`page error: ${e.message}`));
  page.on("requestfailed", (r) => { if (!/api\/events/.test(r.url())) note(`request failed: ${r.url()}`); });
  await page.addInitScript(() => {
    window.__violations = [];
    document.addEventListener("securitypolicyviolation", (e) => window.__violations.push(`${e.violatedDirective}: ${e.blockedURI} ${e.sample ?? ""}`));
  });
  await page.goto(url, { waitUntil: "load" });
  if (ready) {
    try {
      await page.waitForSelector('html[data-ready="yes"]', { timeout: 15_000, state: "attached" });
    } catch {
      problems.push("the page did not become ready");
    }
  }
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  return {
    page, problems,
    async close() { await context.close(); },
    async violations() { return page.evaluate(() => window.__violations); },
  };
}

export async function theme(page, name) {
  const radio = page.locator(`input[name="theme"][value="${name}"]`);
  if ((await radio.count()) > 0) await radio.check({ force: true });
  else await page.emulateMedia({ colorScheme: name });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}

/** axe's findings as short sentences. */
export async function axe(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const result = await window.axe.run(document, { resultTypes: ["violations"] });
    return { passes: result.passes.length, violations: result.violations.map((v) => ({ id: v.id, help: v.help, nodes: v.nodes.slice(0, 5).map((n) => `${n.target.join(" ")}: ${n.failureSummary?.split("\n").slice(1, 3).join("; ").trim()}`) })) };
  });
  return found;
}

/** All figures that the page shows, by their key. */
export const figures = (page) =>
  page.evaluate(() => Object.fromEntries([...document.querySelectorAll("[data-key]")].map((e) => [e.dataset.key, e.dataset.value ?? e.textContent.trim()])));

/** Where shown and expected figures differ. */
export function differences(shown, expected) {
  const out = [];
  for (const [key, want] of Object.entries(expected)) {
    if (!(key in shown)) out.push(`${key} is not on the page`);
    else if (want === null) { if (shown[key] !== "") out.push(`${key}: ${shown[key]}, expected none`); }
    else if (typeof want === "number") {
      const got = shown[key] === "" ? NaN : Number(shown[key]);
      if (!(Math.abs(got - want) <= 1e-9 * Math.max(1, Math.abs(want)))) out.push(`${key}: ${shown[key]}, expected ${want}`);
    } else if (shown[key] !== String(want)) out.push(`${key}: ${shown[key]}, expected ${want}`);
  }
  return out;
}
