// The latency heat map: how many requests took how long, second by second.
import type uPlot from "uplot";
import { clock, ms, plain } from "../format.ts";
import { resolve } from "../theme.ts";
import type { Series } from "../data/series.ts";

/** Counts by pixel column: seconds that share a column are added up. */
export function binHeat(series: Series, first: number, last: number, columns: number): { counts: Map<number, number>[]; most: number } {
  const rows = last - first + 1;
  const wide = Math.max(1, Math.min(columns, rows));
  const counts = Array.from({ length: wide }, () => new Map<number, number>());
  let most = 0;
  for (let i = first; i <= last; i++) {
    const cell = counts[Math.floor(((i - first) * wide) / rows)]!;
    const row = series.heat[i] ?? [];
    for (let k = 0; k + 1 < row.length; k += 2) {
      const sum = (cell.get(row[k]!) ?? 0) + row[k + 1]!;
      cell.set(row[k]!, sum);
      if (sum > most) most = sum;
    }
  }
  return { counts, most };
}

const parse = (color: string): number[] => (color.match(/[\d.]+/g) ?? ["0", "0", "0"]).slice(0, 3).map(Number);

export function ramp(): string[] {
  const stops = ["var(--heat0)", "var(--heat1)", "var(--heat2)", "var(--heat3)"].map((c) => parse(resolve(c)));
  return Array.from({ length: 64 }, (_, i) => {
    const at = (i / 63) * (stops.length - 1);
    const a = Math.min(stops.length - 2, Math.floor(at));
    const f = at - a;
    const mix = stops[a]!.map((v, k) => Math.round(v + (stops[a + 1]![k]! - v) * f));
    return `rgb(${mix.join(",")})`;
  });
}

/** The shade for a count: by its square root, so that a few slow requests stay visible beside a thousand fast ones. */
export const shade = (count: number, most: number): number => Math.max(4, Math.min(63, Math.round(63 * Math.sqrt(count / Math.max(1, most)))));

export function paintHeat(u: uPlot, series: Series): void {
  const { t, step, edges } = series;
  const scale = u.scales["x"];
  if (t.length === 0 || edges.length < 2 || scale?.min === undefined || scale.max === undefined) return;
  let first = t.findIndex((x) => x + step > scale.min!);
  if (first < 0) return;
  let last = t.length - 1;
  while (last > first && t[last]! > scale.max) last--;
  const { ctx, bbox } = u;
  const { counts, most } = binHeat(series, first, last, Math.floor(bbox.width / 2));
  const colors = ramp();
  const y = edges.map((e) => u.valToPos(Math.max(e, 1e-3), "y", true));
  const perCell = (last - first + 1) / counts.length;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  counts.forEach((cell, c) => {
    const from = t[Math.min(last, first + Math.round(c * perCell))]!;
    const next = first + Math.round((c + 1) * perCell);
    const to = next <= last ? Math.min(t[next]!, t[next - 1]! + step) : t[last]! + step;
    const left = Math.floor(u.valToPos(from, "x", true));
    const right = Math.ceil(u.valToPos(to, "x", true));
    for (const [bucket, count] of cell) {
      const bottom = y[bucket];
      const top = y[bucket + 1];
      if (count <= 0 || bottom === undefined || top === undefined) continue;
      ctx.fillStyle = colors[shade(count, most)]!;
      ctx.fillRect(left, Math.floor(top), Math.max(1, right - left), Math.max(1, Math.ceil(bottom) - Math.floor(top)));
    }
  });
  ctx.restore();
}

export function heatReadout(u: uPlot, row: number | null, series: Series): string {
  if (row === null || series.t[row] === undefined) return "";
  const top = u.cursor.top ?? -1;
  const at = clock(series.t[row]);
  if (top < 0) return `at ${at}`;
  const ms_ = u.posToVal(top, "y");
  const bucket = series.edges.findIndex((e, i) => ms_ >= e && ms_ < (series.edges[i + 1] ?? -Infinity));
  if (bucket < 0) return `at ${at}`;
  const cells = series.heat[row] ?? [];
  let count = 0;
  for (let k = 0; k + 1 < cells.length; k += 2) if (cells[k] === bucket) count += cells[k + 1]!;
  return `at ${at}, ${ms(series.edges[bucket])} to ${ms(series.edges[bucket + 1])}: ${plain(count)}`;
}

/** Where most requests lie, and the slowest bucket in use. */
export function heatSummary(series: Series): string {
  const total = new Map<number, number>();
  for (const row of series.heat) {
    for (let k = 0; k + 1 < row.length; k += 2) total.set(row[k]!, (total.get(row[k]!) ?? 0) + row[k + 1]!);
  }
  let common = -1;
  let slowest = -1;
  for (const [bucket, count] of total) {
    if (count > 0 && bucket > slowest) slowest = bucket;
    if (count > (total.get(common) ?? 0)) common = bucket;
  }
  if (common < 0) return "Latency heat map: no requests yet.";
  const range = (b: number) => `${ms(series.edges[b])} to ${ms(series.edges[b + 1])}`;
  return `Latency heat map. Most requests took ${range(common)}; the slowest took ${range(slowest)}.`;
}
