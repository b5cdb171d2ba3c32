// The time series: one list per column, one entry per row of `t`.
import { isObject, list, number } from "./schema.ts";

export type Column = (number | null)[];
export type Columns = Record<string, Column>;

export interface Series {
  step: number;
  t: number[];
  stage: number[];
  warmup: boolean[];
  columns: Columns;
  errors: Columns;
  names: Record<string, Columns>;
  phases: Columns;
  server: Columns;
  edges: number[];
  heat: number[][];
}

export const emptySeries = (): Series => ({
  step: 1, t: [], stage: [], warmup: [], columns: {}, errors: {}, names: {}, phases: {}, server: {}, edges: [], heat: [],
});

// Names come from the target: an object without a prototype has no names of its own to clash with.
const bare = <T>(): Record<string, T> => Object.create(null) as Record<string, T>;

function column(raw: unknown, rows: number): Column {
  const source = list(raw);
  const out: Column = new Array(rows);
  for (let i = 0; i < rows; i++) out[i] = number(source[i]);
  return out;
}

function columns(raw: unknown, rows: number): Columns {
  const out = bare<Column>();
  if (isObject(raw)) for (const [key, value] of Object.entries(raw)) out[key] = column(value, rows);
  return out;
}

export function readSeries(raw: unknown): Series {
  if (!isObject(raw)) return emptySeries();
  const t = list(raw["t"]).map(number).filter((x) => x !== null);
  const rows = t.length;
  const stage = list(raw["stage"]);
  const warmup = list(raw["warmup"]);
  const heat = isObject(raw["heat"]) ? raw["heat"] : {};
  const heatRows = list(heat["rows"]);
  const names = bare<Columns>();
  if (isObject(raw["names"])) {
    for (const [name, value] of Object.entries(raw["names"])) names[name] = columns(value, rows);
  }
  return {
    step: number(raw["step_s"]) || 1,
    t,
    stage: t.map((_, i) => number(stage[i]) ?? -1),
    warmup: t.map((_, i) => warmup[i] === true || warmup[i] === 1),
    columns: columns(raw["columns"], rows),
    errors: columns(raw["errors"], rows),
    names,
    phases: columns(raw["phases"], rows),
    server: columns(raw["server"], rows),
    edges: list(heat["edges_ms"]).map(number).filter((x) => x !== null),
    heat: t.map((_, i) => list(heatRows[i]).map((x) => number(x) ?? 0)),
  };
}

function putColumns(into: Columns, more: Columns, kept: number, added: number): void {
  for (const key of Object.keys(more)) into[key] ??= new Array<number | null>(kept).fill(null);
  for (const [key, values] of Object.entries(into)) {
    values.length = kept;
    const fresh = more[key];
    for (let i = 0; i < added; i++) values.push(fresh?.[i] ?? null);
  }
}

function put<T>(into: T[], more: T[], kept: number): void {
  into.length = kept;
  for (const value of more) into.push(value);
}

/**
 * Puts the rows of `raw` in the place of all rows from their first `t` on: the newest row grows until its time is over.
 * False when rows in between are missing.
 */
export function appendSeries(into: Series, raw: unknown): boolean {
  const more = readSeries(raw);
  const first = more.t[0];
  if (first === undefined) return true;
  if (into.t.length === 0 || more.step !== into.step) {
    // Rows that became longer come all together.
    const whole = into.t.length === 0 || first <= into.t[0]!;
    if (whole) Object.assign(into, more);
    return whole;
  }
  const slack = into.step / 2;
  let kept = into.t.length;
  while (kept > 0 && into.t[kept - 1]! > first - slack) kept--;
  const gap = kept > 0 && first - into.t[kept - 1]! > into.step * 1.5;
  const added = more.t.length;
  if (into.edges.length === 0) into.edges = more.edges;
  putColumns(into.columns, more.columns, kept, added);
  putColumns(into.errors, more.errors, kept, added);
  putColumns(into.phases, more.phases, kept, added);
  putColumns(into.server, more.server, kept, added);
  for (const name of Object.keys(more.names)) into.names[name] ??= bare<Column>();
  for (const [name, cols] of Object.entries(into.names)) putColumns(cols, more.names[name] ?? {}, kept, added);
  put(into.t, more.t, kept);
  put(into.stage, more.stage, kept);
  put(into.warmup, more.warmup, kept);
  put(into.heat, more.heat, kept);
  return !gap;
}

export const hasValues = (c: Column | undefined): c is Column => c !== undefined && c.some((v) => v !== null);
export const hasSome = (c: Column | undefined): c is Column => c !== undefined && c.some((v) => v !== null && v !== 0);

export function latest(c: Column): number | null {
  for (let i = c.length - 1; i >= 0; i--) if (c[i] !== null && c[i] !== undefined) return c[i]!;
  return null;
}
