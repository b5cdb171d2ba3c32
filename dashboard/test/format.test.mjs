import assert from "node:assert/strict";
import { test } from "node:test";
import { change, clock, duration, ms, own, plain, share, tick, value, words } from "../.test-out/format.js";

test("figures keep about three significant digits and their unit", () => {
  const cases = [
    [ms, 0, "0 ms"], [ms, 0.004, "4.0 µs"], [ms, 0.05, "50 µs"], [ms, 0.5, "0.500 ms"], [ms, 9.87, "9.87 ms"], [ms, 646.52, "646.5 ms"],
    [ms, 1234, "1.23 s"], [ms, 23456, "23.5 s"], [ms, 700_000, "11.7 min"],
    [plain, 12345, "12,345"], [plain, 0.00123, "0.0012"], [plain, 2_500_000, "2.50M"], [plain, 3, "3"],
    [share, 0, "0 %"], [share, 0.0919, "9.19 %"], [share, 1, "100.0 %"], [share, 0.99997, "99.997 %"], [share, 0.00001, "0.001 %"],
    [change, 0.123, "+12.3 %"], [change, -0.05, "−5.0 %"], [change, 0.0001, "±0.0 %"],
    [clock, 5, "0:05"], [clock, 750, "12:30"], [clock, 3723, "1:02:03"], [duration, 42.31, "42.3 s"], [duration, 1800, "30 min"],
  ];
  for (const [f, x, text] of cases) assert.equal(f(x), text, `${f.name}(${x})`);
});

test("what is not known is a dash, never NaN", () => {
  for (const f of [ms, plain, share, change, clock, duration]) {
    for (const x of [null, NaN, Infinity]) assert.equal(f(x), "–", `${f.name}(${x})`);
  }
  assert.equal(value(null, "per_second"), "–");
});

test("units", () => {
  assert.equal(value(12.5, "per_second"), "12.5/s");
  assert.equal(value(3560, "tokens_per_second"), "3,560 tok/s");
  assert.equal(value(2, "parsecs"), "2 parsecs");
  assert.equal(tick(1500, "ms"), "1.5 s");
  assert.equal(tick(25_000, "count"), "25k");
  assert.equal(words("queue_wait"), "Queue wait");
});

test("a key of every object is not a key of a table", () => {
  assert.equal(own({ a: 1 }, "constructor"), undefined);
  assert.equal(typeof words("__proto__"), "string");
});
