// The page.
import { useEffect, useState } from "preact/hooks";
import { onZoom, setZoom, zoomRange } from "../charts/zoom.ts";
import type { PageData } from "../data/page.ts";
import { hasValues } from "../data/series.ts";
import { clock } from "../format.ts";
import { state } from "../store.ts";
import { Environment, Timeline } from "./about.tsx";
import { Announcer } from "./announce.tsx";
import { Guard, Mark } from "./bits.tsx";
import { Compare } from "./comparison.tsx";
import { Spread } from "./distribution.tsx";
import { Errors } from "./errors.tsx";
import { Header, stateText } from "./header.tsx";
import { Health, Server } from "./machines.tsx";
import { PhaseBars } from "./phases.tsx";
import { Requests, Streams } from "./requests.tsx";
import { Stages } from "./stages.tsx";
import { Banner, Overview, Thresholds } from "./summary.tsx";
import { TimeCharts } from "./timecharts.tsx";

function sections(data: PageData): [string, string][] {
  const s = data.series;
  const all: [string, string, boolean][] = [
    ["overview", "Overview", true],
    ["comparison", "Comparison", data.comparison !== null],
    ["thresholds", "Thresholds", data.thresholds.length > 0],
    ["time", "Over time", s.t.length > 0],
    ["stages", "Load", data.stages.length > 0],
    ["phases", "Phases", data.phases.some((p) => p.rows.length > 0)],
    ["distribution", "Distribution", data.distribution.some((d) => d.counts.some((n) => n > 0))],
    ["requests", "Requests", data.requests.length > 0],
    ["streams", "Streams", data.streams.length > 0],
    ["errors", "Failures", data.errors.length > 0],
    ["generator", "Generator", data.health.length > 0 || hasValues(s.columns["busy"])],
    ["server", "Server", Object.values(s.server).some(hasValues)],
    ["notes", "Notes", data.annotations.length > 0],
    ["environment", "Environment", true],
  ];
  return all.filter(([, , there]) => there).map(([id, title]) => [id, title]);
}

function Nav({ data }: { data: PageData }) {
  const [, redraw] = useState(0);
  useEffect(() => onZoom(() => redraw((n) => n + 1)), []);
  const zoom = zoomRange();
  return (
    <nav class="sections" aria-label="Sections">
      <ul>{sections(data).map(([id, title]) => <li key={id}><a href={`#${id}`}>{title}</a></li>)}</ul>
      {zoom && (
        <button type="button" class="mini" onClick={() => setZoom(null)}>
          {clock(zoom[0])} – {clock(zoom[1])}: show all
        </button>
      )}
    </nav>
  );
}

function Waiting() {
  const failed = state.error ?? (state.link === "failed" ? "The run cannot be reached; trying again." : null);
  return (
    <main class="waiting" id="main">
      <Mark />
      <h1>Plimsoll</h1>
      <p role="status">{failed ?? "Waiting for the first figures…"}</p>
    </main>
  );
}

export function App({ rev }: { rev: number }) {
  const data = state.frozen ?? state.data;
  useEffect(() => {
    if (!data) return;
    const result = data.run.state === "running" ? stateText(data) : (data.verdict?.result ?? stateText(data));
    document.title = `${data.run.title || "Load test"} · ${result} · Plimsoll`;
    document.documentElement.dataset["ready"] = "yes";
  });
  if (!data) return <Waiting />;
  return (
    <>
      <a class="skip" href="#main">Skip to the figures</a>
      <Header data={data} />
      <Nav data={data} />
      <Announcer />
      <main id="main" tabIndex={-1}>
        <Guard><Banner data={data} /></Guard>
        <Guard><Overview data={data} /></Guard>
        <Guard>{data.comparison && <Compare c={data.comparison} />}</Guard>
        <Guard><Thresholds thresholds={data.thresholds} /></Guard>
        <Guard><TimeCharts data={data} rev={rev} /></Guard>
        <Guard><Stages data={data} rev={rev} /></Guard>
        <Guard><PhaseBars data={data} /></Guard>
        <Guard><Spread data={data} rev={rev} /></Guard>
        <Guard><Requests data={data} /></Guard>
        <Guard><Streams data={data} /></Guard>
        <Guard><Errors data={data} /></Guard>
        <Guard><Health data={data} rev={rev} /></Guard>
        <Guard><Server data={data} rev={rev} /></Guard>
        <Guard><Timeline data={data} /></Guard>
        <Guard><Environment data={data} /></Guard>
      </main>
      <footer><Mark /> Made by {data.tool}. Every figure is folded from the samples in the run's directory.</footer>
    </>
  );
}
