import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { decodeData } from "../.test-out/data/decode.js";
import { histogramQuantile, otherGroups, stack, warmupSpans } from "../.test-out/data/derive.js";
import { readPage } from "../.test-out/data/page.js";
import { appendSeries, readSeries } from "../.test-out/data/series.js";
import { applyTick } from "../.test-out/data/tick.js";
import { api } from "../tests/fixtures/api.mjs";
import { hostile } from "../tests/fixtures/hostile.mjs";

test("a report's data comes back from gzip and base64", async () => {
  const data = { run: { title: "Übung 漢字" }, n: [1, null, 2.5] };
  assert.deepEqual(await decodeData(gzipSync(JSON.stringify(data)).toString("base64")), data);
  assert.deepEqual(await decodeData(Buffer.from(JSON.stringify(data)).toString("base64")), data);
  await assert.rejects(decodeData("%%%"));
});

test("any JSON makes a page", () => {
  for (const raw of [null, 3, "x", [], {}, { series: [], stages: {}, verdict: 4, overlay: [1], comparison: [] }, hostile()]) {
    const page = readPage(raw);
    assert.ok(Array.isArray(page.stages) && Array.isArray(page.series.t));
    for (const c of Object.values(page.series.columns)) assert.equal(c.length, page.series.t.length);
  }
  assert.equal({}.polluted, undefined);
});

test("columns are as long as t, whatever they were", () => {
  const s = readSeries({ t: [0, 1, 2], columns: { ok: [1], p50: [null, "x", 3, 4] }, warmup: [1, true], heat: { edges_ms: [1, 2], rows: [[0, 1]] } });
  assert.deepEqual(s.columns.ok, [1, null, null]);
  assert.deepEqual(s.columns.p50, [null, null, 3]);
  assert.deepEqual(s.warmup, [true, true, false]);
  assert.deepEqual(s.heat, [[0, 1], [], []]);
});

test("ticks append, in any cut, to what the whole run holds", () => {
  const whole = readSeries(api({ seconds: 40 }).series);
  const cut = (from, to) => {
    const s = api({ seconds: 40 }).series;
    const slice = (o) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, v.slice(from, to)]));
    return { ...s, t: s.t.slice(from, to), stage: s.stage.slice(from, to), warmup: s.warmup.slice(from, to), columns: slice(s.columns), errors: slice(s.errors), server: slice(s.server), phases: {}, names: Object.fromEntries(Object.entries(s.names).map(([n, v]) => [n, slice(v)])), heat: { ...s.heat, rows: s.heat.rows.slice(from, to) } };
  };
  const page = readPage({});
  for (const [from, to] of [[0, 7], [7, 8], [5, 20], [5, 20], [20, 40]]) assert.equal(applyTick(page, { append: cut(from, to) }), true);
  assert.deepEqual(JSON.parse(JSON.stringify(page.series)), JSON.parse(JSON.stringify(whole)));
});

test("a gap asks for the whole data, a new column is empty before, a lost one after", () => {
  const s = readSeries({ t: [0, 1], columns: { ok: [1, 2] }, errors: { timeout: [0, 1] } });
  assert.equal(appendSeries(s, { t: [2], columns: { p50: [9] }, names: { chat: { ok: [4] } } }), true);
  assert.deepEqual({ ...s.columns }, { ok: [1, 2, null], p50: [null, null, 9] });
  assert.deepEqual(s.errors.timeout, [0, 1, null]);
  assert.deepEqual(s.names.chat.ok, [null, null, 4]);
  assert.equal(appendSeries(s, { t: [5], columns: {} }), false);
});

test("the newest row grows, and rows that became longer take the place of all", () => {
  const s = readSeries({ step_s: 1, t: [0, 1, 2], stage: [0, 0, 0], columns: { ok: [5, 6, 1] } });
  assert.equal(appendSeries(s, { step_s: 1, t: [2, 3], stage: [0, 1], columns: { ok: [7, 2] } }), true);
  assert.deepEqual([s.t, s.stage, s.columns.ok], [[0, 1, 2, 3], [0, 0, 0, 1], [5, 6, 7, 2]]);
  assert.equal(appendSeries(s, { step_s: 2, t: [2, 4], columns: { ok: [9, 1] } }), false);
  assert.equal(appendSeries(s, { step_s: 2, t: [0, 2, 4], columns: { ok: [11, 9, 1] } }), true);
  assert.deepEqual([s.step, s.t, s.columns.ok], [2, [0, 2, 4], [11, 9, 1]]);
});

test("a tick replaces only what it names", () => {
  const page = readPage({ run: { title: "T", state: "running" }, warnings: ["a"], banner: "b" });
  applyTick(page, { run: { state: "complete" }, tiles: [{ id: "p50", value: 3 }] });
  assert.equal(page.run.title, "T");
  assert.equal(page.run.state, "complete");
  assert.deepEqual(page.warnings, ["a"]);
  assert.equal(page.banner, "b");
  applyTick(page, { banner: null, warnings: [] });
  assert.equal(page.banner, null);
  assert.deepEqual(page.warnings, []);
});

test("small derivations", () => {
  assert.deepEqual(stack([[1, null, null], [2, 3, null]]), [[1, 0, null], [3, 3, null]]);
  const s = readSeries({ t: [0, 1, 2, 3], warmup: [1, 1, 0, 1] });
  assert.deepEqual(warmupSpans(s), [[0, 2], [3, 4]]);
  assert.deepEqual(otherGroups({ ok: [1], ttft_p50: [1], ttft_p95: [2], send_lag_p99: [1], odd: [3], none: [null] }).map((g) => [g.key, g.members.length]), [["ttft", 2], ["odd", 1]]);
  assert.equal(histogramQuantile([0, 10, 20], [10, 10], 0.75), 15);
  assert.equal(histogramQuantile([0, 10], [0], 0.5), null);
});
