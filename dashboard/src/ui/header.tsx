// What was tested, in which state it is, and the buttons.
import { useState } from "preact/hooks";
import type { PageData } from "../data/page.ts";
import { clock, duration, moment, own } from "../format.ts";
import { staleFor } from "../live.ts";
import { state } from "../store.ts";
import { currentTheme, setTheme, type Theme } from "../theme.ts";
import { Mark } from "./bits.tsx";
import { LiveControls } from "./controls.tsx";

const verdicts: Record<string, [string, string]> = {
  pass: ["✓", "Pass"], fail: ["✕", "Fail"], inconclusive: ["≈", "Inconclusive"],
};

export function VerdictBadge({ result }: { result: string }) {
  const [glyph, text] = own(verdicts, result) ?? ["?", result];
  return (
    <span class={`badge ${result}`} data-key="verdict" data-value={result}>
      <span aria-hidden="true">{glyph}</span> {text}
    </span>
  );
}

function ThemeSwitch() {
  const [theme, set] = useState(currentTheme());
  const options: [Theme, string][] = [["auto", "Auto"], ["light", "Light"], ["dark", "Dark"]];
  return (
    <fieldset class="switch">
      <legend class="sr">Colours</legend>
      {options.map(([value, text]) => (
        <label key={value}>
          <input type="radio" name="theme" value={value} checked={theme === value}
            onChange={() => { setTheme(value); set(value); }} />
          <span>{text}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function stateText(data: PageData): string {
  if (data.run.state === "running") return "Running";
  if (data.run.state === "partial") return "Partial";
  return data.run.state === "complete" ? "Complete" : data.run.state || "Unknown state";
}

function runTime(data: PageData): string | null {
  const start = data.run.started_at ? Date.parse(data.run.started_at) : NaN;
  const end = data.run.ended_at ? Date.parse(data.run.ended_at) : NaN;
  if (data.run.state === "running") {
    const last = data.series.t.at(-1);
    return last === undefined ? null : clock(last + data.series.step);
  }
  return Number.isFinite(start) && Number.isFinite(end) ? duration((end - start) / 1000) : null;
}

export function Header({ data }: { data: PageData }) {
  const stale = staleFor();
  const took = runTime(data);
  return (
    <header class="top">
      <div class="brand"><Mark /><span>Plimsoll</span></div>
      <div class="what">
        <h1>{data.run.title || "Load test"}</h1>
        <p>
          {data.run.target && <span class="target">{data.run.target}</span>}
          {data.run.started_at && <span>{moment(data.run.started_at)}</span>}
          {took && <span>{took}</span>}
        </p>
      </div>
      <div class="status">
        <span class={`pill ${data.run.state}`} data-key="state" data-value={data.run.state}>
          <i aria-hidden="true" /> {stateText(data)}
        </span>
        {stale !== null && data.run.state === "running" && <span class="pill stale">no news for {stale} s</span>}
        {data.verdict && <VerdictBadge result={data.verdict.result} />}
      </div>
      <div class="actions">
        {state.link !== "report" && state.link !== "over" && <LiveControls data={data} />}
        <ThemeSwitch />
      </div>
    </header>
  );
}
