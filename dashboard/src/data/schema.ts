// The shape of a run's data, written once: the reader below makes any JSON fit it, and the types follow from it.
// A report may be older or newer than its page, so nothing in it is taken for granted.

/** n number or null · c count (0) · i index (-1) · s text ("") · t text or null · b true, false or null · S texts · N numbers · p a pair */
interface Kinds {
  n: number | null;
  c: number;
  i: number;
  s: string;
  t: string | null;
  b: boolean | null;
  S: string[];
  N: number[];
  p: [number, number] | null;
}
type Shape = Record<string, keyof Kinds>;
export type Row<T extends Shape> = { [K in keyof T]: Kinds[T[K]] };

export const shapes = {
  run: {
    title: "s", kind: "s", target: "s", started_at: "t", ended_at: "t", state: "s",
    partial_reason: "t", seed: "n", command: "t", directory: "s",
  },
  verdict: { result: "s", reasons: "S" },
  diagnosis: { kind: "s", severity: "s", sentence: "s", evidence: "S" },
  tile: { id: "s", label: "s", text: "s", value: "n", unit: "s", status: "t", note: "t" },
  threshold: {
    rule: "s", scope: "t", value: "n", limit: "n", unit: "s", ok: "b", enough: "b", samples: "c", text: "s",
  },
  stage: {
    index: "i", kind: "s", label: "s", users: "n", rate: "n", start_s: "n", warmup_s: "n", end_s: "n", ok: "c",
    failed: "c", throughput_rps: "n", concurrency: "n", mean: "n", p50: "n", p90: "n", p95: "n", p99: "n",
  },
  request: {
    stage: "i", name: "s", count: "c", ok: "c", failed: "c", rate_rps: "n", throughput_rps: "n", mean: "n", min: "n",
    max: "n", p50: "n", p90: "n", p95: "n", p99: "n", p50_interval: "p", p95_interval: "p", p99_interval: "p",
    p99_trustworthy: "b",
  },
  stream: {
    stage: "i", name: "s", metric: "s", label: "s", unit: "s", count: "c", mean: "n", p50: "n", p90: "n", p95: "n",
    p99: "n", max: "n",
  },
  phaseRow: { name: "s", label: "s", mean: "n", p50: "n", p90: "n", p99: "n", share: "n" },
  error: { stage: "i", name: "t", class: "s", count: "c", example: "s", first_s: "n", last_s: "n" },
  health: {
    stage: "i", send_lag_p50: "n", send_lag_p99: "n", send_lag_max: "n", busy: "n", cpu_ms_per_request: "n",
    steal: "n", open_files: "n", open_files_limit: "n", lost_samples: "c", limits: "S",
  },
  distribution: { stage: "i", name: "t", edges_ms: "N", counts: "N" },
  annotation: { t_s: "n", kind: "s", text: "s" },
  environment: { label: "s", value: "s" },
  comparisonRow: {
    scope: "s", metric: "s", unit: "s", base: "n", branch: "n", effect: "n", low: "n", high: "n", p: "n",
    p_adjusted: "n", mde: "n", verdict: "s", text: "s",
  },
} as const satisfies Record<string, Shape>;

type Shapes = typeof shapes;
export type Of<K extends keyof Shapes> = Row<Shapes[K]>;

export const isObject = (x: unknown): x is Record<string, unknown> =>
  typeof x === "object" && x !== null && !Array.isArray(x);
export const number = (x: unknown): number | null => (typeof x === "number" && Number.isFinite(x) ? x : null);
export const text = (x: unknown): string | null =>
  typeof x === "string" ? x : typeof x === "number" || typeof x === "boolean" ? String(x) : null;
export const list = (x: unknown): unknown[] => (Array.isArray(x) ? x : []);

const readers: { [K in keyof Kinds]: (x: unknown) => Kinds[K] } = {
  n: number,
  c: (x) => number(x) ?? 0,
  i: (x) => number(x) ?? -1,
  s: (x) => text(x) ?? "",
  t: text,
  b: (x) => (typeof x === "boolean" ? x : null),
  S: (x) => list(x).map((y) => text(y)).filter((y) => y !== null),
  N: (x) => list(x).map((y) => number(y) ?? 0),
  p: (x) => {
    const low = number(list(x)[0]);
    const high = number(list(x)[1]);
    return low === null || high === null ? null : [low, high];
  },
};

export function row<K extends keyof Shapes>(shape: K, raw: unknown): Of<K> {
  const source = isObject(raw) ? raw : {};
  const out: Record<string, unknown> = {};
  for (const [key, kind] of Object.entries(shapes[shape] as Shape)) out[key] = readers[kind](source[key]);
  return out as Of<K>;
}

export const rows = <K extends keyof Shapes>(shape: K, raw: unknown): Of<K>[] =>
  list(raw).filter(isObject).map((x) => row(shape, x));
