// Small questions that several views ask of the data.
import type { PageData, Stage } from "./page.ts";
import type { Column, Columns, Series } from "./series.ts";

export const stageLabel = (data: PageData, index: number): string =>
  data.stages.find((s) => s.index === index)?.label || (index < 0 ? "before the first stage" : `stage ${index}`);

/** Distinct values in the order in which they first appear. */
export const distinct = <T>(values: T[]): T[] => [...new Set(values)];

/** Per-second figures of a column of counts. */
export const perSecond = (c: Column, step: number): Column =>
  step === 1 ? c : c.map((v) => (v === null ? null : v / step));

/** Runs of warm-up rows as [from, to] in seconds. */
export function warmupSpans(series: Series): [number, number][] {
  const spans: [number, number][] = [];
  let start: number | null = null;
  for (let i = 0; i < series.t.length; i++) {
    if (series.warmup[i] && start === null) start = series.t[i]!;
    if (!series.warmup[i] && start !== null) {
      spans.push([start, series.t[i]!]);
      start = null;
    }
  }
  if (start !== null) spans.push([start, series.t.at(-1)! + series.step]);
  return spans;
}

/** Where stages begin; the rows say it when the stages themselves do not. */
export function stageStarts(data: PageData): { t: number; label: string }[] {
  const starts: { t: number; label: string }[] = [];
  for (const s of data.stages) {
    let t = s.start_s;
    if (t === null) {
      const at = data.series.stage.indexOf(s.index);
      t = at < 0 ? null : data.series.t[at]!;
    }
    if (t !== null) starts.push({ t, label: s.label });
  }
  return starts;
}

/** Running sums from the first column up; a missing value adds nothing. Rows with no value at all stay empty. */
export function stack(columns: Column[]): Column[] {
  const rows = Math.max(0, ...columns.map((c) => c.length));
  const sums = new Array<number>(rows).fill(0);
  const any = new Array<boolean>(rows).fill(false);
  for (const c of columns) for (let i = 0; i < rows; i++) if (c[i] !== null && c[i] !== undefined) any[i] = true;
  return columns.map((c) => {
    const out: Column = new Array(rows);
    for (let i = 0; i < rows; i++) {
      sums[i]! += c[i] ?? 0;
      out[i] = any[i] ? sums[i]! : null;
    }
    return out;
  });
}

export interface ColumnGroup {
  key: string;
  members: { key: string; values: Column }[];
}

const known = new Set(["ok", "failed", "p50", "p90", "p95", "p99", "output_tokens", "active", "busy"]);

/** Columns beyond the common ones, quantiles of one thing together: ttft_p50 and ttft_p95 in the group ttft. */
export function otherGroups(columns: Columns): ColumnGroup[] {
  const groups = new Map<string, ColumnGroup>();
  for (const [key, values] of Object.entries(columns)) {
    if (known.has(key) || key.startsWith("send_lag") || !values.some((v) => v !== null)) continue;
    const base = key.replace(/_(p\d+|mean|max|min)$/, "");
    const group = groups.get(base) ?? { key: base, members: [] };
    group.members.push({ key, values });
    groups.set(base, group);
  }
  return [...groups.values()];
}

/** What a stage's load is: users in a tier, arrivals per second in a level. */
export function stageLoad(s: Stage): { value: number; unit: "users" | "rate" } | null {
  if (s.users !== null) return { value: s.users, unit: "users" };
  if (s.rate !== null) return { value: s.rate, unit: "rate" };
  return null;
}

/** The value at a share of a histogram, linear within its bucket. */
export function histogramQuantile(edges: number[], counts: number[], q: number): number | null {
  const total = counts.reduce((a, b) => a + b, 0);
  if (total <= 0) return null;
  let left = q * total;
  for (let i = 0; i < counts.length; i++) {
    const n = counts[i]!;
    const low = edges[i];
    const high = edges[i + 1];
    if (n > 0 && left <= n && low !== undefined && high !== undefined) return low + (high - low) * (left / n);
    left -= n;
  }
  return edges.at(-1) ?? null;
}
