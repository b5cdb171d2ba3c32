// A whole page's data, read from JSON that may lack anything.
import { type Of, isObject, list, number, row, rows, text } from "./schema.ts";
import { type Series, readSeries } from "./series.ts";

export type Run = Of<"run">;
export type Stage = Of<"stage">;
export type Request = Of<"request">;
export type Stream = Of<"stream">;
export type PhaseRow = Of<"phaseRow">;
export type ErrorRow = Of<"error">;
export type Health = Of<"health">;
export type Tile = Of<"tile">;
export type Threshold = Of<"threshold">;
export type Diagnosis = Of<"diagnosis">;
export type Distribution = Of<"distribution">;
export type Annotation = Of<"annotation">;
export type ComparisonRow = Of<"comparisonRow">;

export interface Phases {
  stage: number;
  source: string;
  rows: PhaseRow[];
}
export interface Overlay {
  label: string;
  stages: Stage[];
  distribution: Distribution[];
}
export interface Comparison {
  title: string;
  base: string;
  branch: string;
  pairs: number;
  notes: string[];
  rows: ComparisonRow[];
}
export interface PageData {
  format: number;
  live: boolean;
  tool: string;
  run: Run;
  verdict: Of<"verdict"> | null;
  banner: string | null;
  diagnosis: Diagnosis[];
  warnings: string[];
  tiles: Tile[];
  thresholds: Threshold[];
  stages: Stage[];
  requests: Request[];
  streams: Stream[];
  phases: Phases[];
  errors: ErrorRow[];
  health: Health[];
  series: Series;
  distribution: Distribution[];
  annotations: Annotation[];
  environment: Of<"environment">[];
  overlay: Overlay[];
  comparison: Comparison | null;
}

export const texts = (x: unknown): string[] => list(x).map(text).filter((y) => y !== null);

export const readPhases = (x: unknown): Phases[] =>
  list(x).filter(isObject).map((p) => ({
    stage: number(p["stage"]) ?? -1,
    source: text(p["source"]) ?? "",
    rows: rows("phaseRow", p["rows"]),
  }));

function readComparison(x: unknown): Comparison | null {
  if (!isObject(x)) return null;
  return {
    title: text(x["title"]) ?? "Comparison",
    base: text(x["base"]) ?? "base",
    branch: text(x["branch"]) ?? "branch",
    pairs: number(x["pairs"]) ?? 0,
    notes: texts(x["notes"]),
    rows: rows("comparisonRow", x["rows"]),
  };
}

/** Annotations without a time cannot be drawn, but are still told in the list. */
export function readPage(raw: unknown): PageData {
  const p = isObject(raw) ? raw : {};
  const tool = isObject(p["tool"]) ? p["tool"] : {};
  return {
    format: number(p["format"]) ?? 1,
    live: p["live"] === true,
    tool: [text(tool["name"]) ?? "plimsoll", text(tool["version"]) ?? ""].join(" ").trim(),
    run: row("run", p["run"]),
    verdict: isObject(p["verdict"]) ? row("verdict", p["verdict"]) : null,
    banner: text(p["banner"]),
    diagnosis: rows("diagnosis", p["diagnosis"]),
    warnings: texts(p["warnings"]),
    tiles: rows("tile", p["tiles"]),
    thresholds: rows("threshold", p["thresholds"]),
    stages: rows("stage", p["stages"]),
    requests: rows("request", p["requests"]),
    streams: rows("stream", p["streams"]),
    phases: readPhases(p["phases"]),
    errors: rows("error", p["errors"]),
    health: rows("health", p["health"]),
    series: readSeries(p["series"]),
    distribution: rows("distribution", p["distribution"]),
    annotations: rows("annotation", p["annotations"]),
    environment: rows("environment", p["environment"]),
    overlay: list(p["overlay"]).filter(isObject).map((o) => ({
      label: text(o["label"]) ?? "other run",
      stages: rows("stage", o["stages"]),
      distribution: rows("distribution", o["distribution"]),
    })),
    comparison: readComparison(p["comparison"]),
  };
}
