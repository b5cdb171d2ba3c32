// The built page in a real browser. Build it first: npm run build in dashboard/.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { launch } from "./browser.mjs";
import { fixtures, report } from "./fixtures/make.mjs";
import { axe, differences, figures, open, theme } from "./inspect.mjs";
import { liveServer } from "./liveserver.mjs";

const page = readFileSync(new URL("../dist/index.html", import.meta.url), "utf8");
let browser;
let folder;
before(async () => { browser = await launch(); folder = mkdtempSync(join(tmpdir(), "plimsoll-page-")); });
after(async () => { await browser.close(); rmSync(folder, { recursive: true }); });

async function openReport(name, data, options) {
  const path = join(folder, `${name}.html`);
  const text = report(page, data);
  writeFileSync(path, text);
  return { ...(await open(browser, pathToFileURL(path).href, options)), size: text.length };
}

function expected(data) {
  const out = {};
  for (const t of data.tiles) out[`tiles.${t.id}`] = t.value;
  for (const s of data.stages) for (const f of ["ok", "failed", "throughput_rps", "p50", "p99"]) out[`stages.${s.index}.${f}`] = s[f];
  for (const r of data.requests) for (const f of ["count", "p50", "p95", "max"]) out[`requests.${r.stage}.${r.name}.${f}`] = r[f];
  for (const h of data.health) out[`health.${h.stage}.send_lag_p99`] = h.send_lag_p99;
  for (const s of data.streams) out[`streams.${s.stage}.${s.name}.${s.metric}.p95`] = s.p95;
  if (data.verdict) out.verdict = data.verdict.result;
  return out;
}

for (const [name, make] of Object.entries(fixtures)) {
  test(`${name}: no errors, accessible in both themes and on a phone, the figures are the data's`, async () => {
    const data = make();
    for (const width of [1440, 390]) {
      const view = await openReport(name, data, { width });
      for (const colours of ["light", "dark"]) {
        await theme(view.page, colours);
        const found = await axe(view.page);
        assert.deepEqual(found.violations, [], `${colours} ${width}`);
      }
      assert.deepEqual(view.problems, []);
      assert.deepEqual(await view.violations(), []);
      assert.ok(await view.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `the page is wider than ${width}`);
      if (name !== "hostile") assert.deepEqual(differences(await figures(view.page), expected(data)), []);
      else assert.equal(await view.page.locator("main script, main img, header img").count(), 0);
      await view.close();
    }
  });
}

test("a report of 30 minutes at one row a second stays below 1 MB", async (t) => {
  const data = fixtures.api();
  const view = await openReport("size", data);
  const columns = Object.keys(data.series.columns).length;
  t.diagnostic(`page ${page.length} B; report ${view.size} B: ${data.series.t.length} rows, ${columns} columns, ${Object.keys(data.series.names).length} names, heat map`);
  assert.ok(view.size < 1_000_000);
  await view.close();
});

test("3,600 rows and 60 names are drawn, and their table is made on demand", async (t) => {
  const names = Array.from({ length: 60 }, (_, i) => `request ${i}`);
  const started = Date.now();
  const view = await openReport("big", fixtures.api({ seconds: 3600, names }));
  t.diagnostic(`open to ready: ${Date.now() - started} ms`);
  assert.equal(await view.page.locator(".chart .scroll").count(), 0);
  const figuresOf = view.page.locator(".chart", { hasText: "Response time" }).first();
  await figuresOf.locator("summary").click();
  assert.equal(await figuresOf.locator("tbody tr").count(), 3600);
  assert.deepEqual(view.problems, []);
  await view.close();
});

test("keyboard: skip link, sorting, legend, chart cursor, theme", async () => {
  const view = await openReport("keys", fixtures.gradio());
  const p = view.page;
  await p.keyboard.press("Tab");
  assert.equal(await p.evaluate(() => document.activeElement.className), "skip");
  const head = p.locator("#requests th", { has: p.getByRole("button", { name: "p95" }) });
  await head.getByRole("button").focus();
  await p.keyboard.press("Enter");
  assert.equal(await head.getAttribute("aria-sort"), "descending");
  const values = await p.locator('#requests [data-key$=".p95"]').evaluateAll((els) => els.map((e) => Number(e.dataset.value)));
  assert.deepEqual(values, values.toSorted((a, b) => b - a));
  await p.keyboard.press("Space");
  assert.equal(await head.getAttribute("aria-sort"), "ascending");
  const chart = p.getByRole("img", { name: /^Response time\. Latest values/ });
  assert.match(await chart.getAttribute("aria-label"), /p50 .* s, p90 /);
  await chart.focus();
  await p.keyboard.press("Home");
  const where = p.locator(".chart", { hasText: "Response time" }).first().locator(".where");
  assert.equal(await where.textContent(), "at 0:00");
  await p.keyboard.press("ArrowRight");
  assert.equal(await where.textContent(), "at 0:01");
  await theme(p, "dark");
  const dark = await p.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await theme(p, "light");
  assert.notEqual(dark, await p.evaluate(() => getComputedStyle(document.body).backgroundColor));
  assert.deepEqual(view.problems, []);
  await view.close();
});

test("a damaged report says so", async () => {
  const path = join(folder, "damaged.html");
  writeFileSync(path, page.replace('octet-stream"></script>', 'octet-stream">H4sIAAAAAAAAA6vm</script>'));
  const view = await open(browser, pathToFileURL(path).href);
  assert.match(await view.page.locator("[role=status]").textContent(), /cannot be read/);
  await view.close();
});

test("live: ticks, pause, reconnect, gap, note, stop, end", async (t) => {
  const server = await liveServer(page, fixtures.gradio());
  t.after(() => server.close());
  const view = await open(browser, server.url, { allow: ["ERR_INCOMPLETE_CHUNKED_ENCODING", "net::ERR"] });
  const p = view.page;
  const rows = async () => p.locator("#time .chart .where").first().textContent();
  const reaches = (text) => p.waitForFunction((t) => document.querySelector("#time .chart .where")?.textContent === t, text, { timeout: 5000 });
  await reaches("latest, 0:19");
  server.tick(1, { tiles: [{ id: "p50", label: "Median", text: "7 ms", value: 7, unit: "ms" }] });
  await reaches("latest, 0:20");
  assert.equal((await figures(p))["tiles.p50"], "7");
  await p.getByRole("button", { name: "Pause drawing" }).click();
  server.tick(3);
  await p.waitForTimeout(300);
  assert.equal(await rows(), "latest, 0:20");
  await p.getByRole("button", { name: "Resume drawing" }).click();
  await reaches("latest, 0:23");
  // Rows that were missed, then a lost connection: both end in the whole data.
  server.skip(5);
  server.tick(1);
  await reaches("latest, 0:29");
  server.drop();
  server.skip(4);
  await reaches("latest, 0:33");
  await p.getByRole("textbox", { name: "Note for this moment" }).fill("deployed <b>");
  await p.getByRole("button", { name: "Add note" }).click();
  await p.getByRole("button", { name: "Stop run" }).first().click();
  assert.deepEqual((await axe(p)).violations, []);
  await p.getByRole("dialog").getByRole("button", { name: "Stop run" }).click();
  await p.getByRole("button", { name: "Stopping…" }).waitFor();
  assert.deepEqual(server.posts, [
    { path: "/api/annotate", token: "secret", body: '{"text":"deployed <b>"}' }, { path: "/api/stop", token: "secret", body: "{}" },
  ]);
  await p.locator(".pill.stale").waitFor({ timeout: 9000 });
  server.end();
  await p.locator(".top .badge.fail").waitFor({ timeout: 5000 });
  assert.equal(await p.locator(".pill.stale").count(), 0);
  assert.equal(await p.getByRole("button", { name: "Stop run" }).count(), 0);
  assert.match(await p.locator(".toast").textContent(), /^The run is now complete; verdict: fail$/);
  assert.deepEqual(view.problems, []);
  assert.deepEqual(await view.violations(), []);
  await view.close();
});

test("live without a token: no buttons that act on the run", async (t) => {
  const server = await liveServer(page, fixtures.api({ seconds: 60 }), "");
  t.after(() => server.close());
  const view = await open(browser, server.url);
  assert.equal(await view.page.getByRole("button", { name: "Stop run" }).count(), 0);
  assert.equal(await view.page.getByRole("button", { name: "Pause drawing" }).count(), 1);
  await view.close();
});
