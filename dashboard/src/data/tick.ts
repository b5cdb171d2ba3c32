// One second of a live run, merged into what is there. A key that is absent did not change.
import { type PageData, readPhases, texts } from "./page.ts";
import { isObject, row, rows, text } from "./schema.ts";
import { appendSeries } from "./series.ts";

/** False when rows are missing in between, so that the whole data should be fetched again. */
export function applyTick(data: PageData, raw: unknown): boolean {
  if (!isObject(raw)) return true;
  const has = (key: string) => key in raw;
  if (isObject(raw["run"])) {
    const fresh = row("run", { ...data.run, ...raw["run"] });
    data.run = fresh;
  }
  if (has("tiles")) data.tiles = rows("tile", raw["tiles"]);
  if (has("thresholds")) data.thresholds = rows("threshold", raw["thresholds"]);
  if (has("stages")) data.stages = rows("stage", raw["stages"]);
  if (has("requests")) data.requests = rows("request", raw["requests"]);
  if (has("streams")) data.streams = rows("stream", raw["streams"]);
  if (has("phases")) data.phases = readPhases(raw["phases"]);
  if (has("errors")) data.errors = rows("error", raw["errors"]);
  if (has("health")) data.health = rows("health", raw["health"]);
  if (has("diagnosis")) data.diagnosis = rows("diagnosis", raw["diagnosis"]);
  if (has("distribution")) data.distribution = rows("distribution", raw["distribution"]);
  if (has("annotations")) data.annotations = rows("annotation", raw["annotations"]);
  if (has("warnings")) data.warnings = texts(raw["warnings"]);
  if (has("banner")) data.banner = text(raw["banner"]);
  if (has("verdict")) data.verdict = isObject(raw["verdict"]) ? row("verdict", raw["verdict"]) : null;
  return has("append") ? appendSeries(data.series, raw["append"]) : true;
}
