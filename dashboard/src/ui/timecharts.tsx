// Everything over time that comes from the users' side.
import { useState } from "preact/hooks";
import { Chart } from "../charts/chart.tsx";
import { heatReadout, heatSummary, paintHeat } from "../charts/heat.ts";
import { errorLook, look, lookOf } from "../charts/marks.ts";
import type { ChartSpec, Line, TimeMarks } from "../charts/types.ts";
import { otherGroups, perSecond, stageStarts, warmupSpans } from "../data/derive.ts";
import type { PageData } from "../data/page.ts";
import { hasSome, hasValues, type Columns, type Series } from "../data/series.ts";
import { words } from "../format.ts";
import { Section, Select } from "./bits.tsx";
import { HeatScale } from "./heatscale.tsx";

export function timeMarks(data: PageData): TimeMarks {
  return {
    warmup: warmupSpans(data.series),
    stages: data.stages.length > 1 ? stageStarts(data) : [],
    notes: data.annotations.flatMap((a, i) =>
      a.t_s === null || a.kind === "stage" ? [] : [{ t: a.t_s, number: i + 1, kind: a.kind }]),
  };
}

export const line = (key: string, label: string, values: (number | null)[], at: number): Line =>
  ({ key, label, values, look: lookOf(key, at) });

export const timeSpec = (s: Series, marks: TimeMarks, unit: string, lines: Line[], more: Partial<ChartSpec> = {}): ChartSpec =>
  ({ x: s.t, step: s.step, marks, unit, lines, ...more });

const quantiles = (columns: Columns): Line[] =>
  ["p50", "p90", "p95", "p99"].flatMap((q, i) => (hasValues(columns[q]) ? [line(q, q, columns[q], i)] : []));

function heatDomain(s: Series): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const row of s.heat) {
    for (let k = 0; k + 1 < row.length; k += 2) {
      if (row[k + 1]! <= 0) continue;
      low = Math.min(low, row[k]!);
      high = Math.max(high, row[k]!);
    }
  }
  const from = Math.max(s.edges[low] ?? 1, 1e-2);
  return [from / 1.1, Math.max((s.edges[high + 1] ?? from * 10) * 1.1, from * 2)];
}

function Heat({ data, rev, marks }: { data: PageData; rev: number; marks: TimeMarks }) {
  const s = data.series;
  if (s.edges.length < 2 || !s.heat.some((r) => r.length > 1)) return null;
  const lines = quantiles(s.columns).filter((l) => l.key === "p50" || l.key === "p99")
    .map((l) => ({ ...l, look: { color: l.key === "p50" ? "var(--ink)" : "var(--s2)", dash: l.look.dash } }));
  const spec = timeSpec(s, marks, "ms", lines, { log: true, yDomain: heatDomain(s) });
  return (
    <Chart id="heat" title="Latency heat map" note="darker: more requests" spec={spec} rev={rev} height={240}
      summary={heatSummary(s)} paint={(u) => paintHeat(u, data.series)} readout={(u, row) => heatReadout(u, row, data.series)}
      aside={<HeatScale />} />
  );
}

const groupUnit = (key: string): string =>
  /tokens?_per_s|tps$/.test(key) ? "tokens_per_second" : /share|ratio|busy/.test(key) ? "share" : "count";

export function TimeCharts({ data, rev }: { data: PageData; rev: number }) {
  const [name, setName] = useState("");
  const s = data.series;
  if (s.t.length === 0) return null;
  const marks = timeMarks(data);
  const names = Object.keys(s.names);
  const chosen = name && s.names[name] ? s.names[name] : null;
  const cols = chosen ?? s.columns;
  const of = chosen ? `, ${name}` : "";
  const traffic = ["ok", "failed"].flatMap((k, i) => (cols[k] ? [line(k, k === "ok" ? "Ok" : "Failed", perSecond(cols[k], s.step), i)] : []));
  const latency = quantiles(cols);
  const phases = Object.entries(s.phases).filter(([, c]) => hasValues(c));
  const errors = Object.entries(s.errors).filter(([, c]) => hasSome(c));
  return (
    <Section id="time" title="Over time" note={s.step === 1 ? "one row a second" : `one row every ${s.step} s`}
      tools={names.length > 1 && (
        <Select label="Request" value={chosen ? name : ""} set={setName} options={[["", "all requests"], ...names.map((n): [string, string] => [n, n])]} />
      )}>
      <div class="charts">
        {traffic.length > 0 && (
          <Chart id="throughput" title={`Throughput${of}`} note="requests per second" spec={timeSpec(s, marks, "per_second", traffic, { filled: true })} rev={rev} />
        )}
        {latency.length > 0 && (
          <Chart id="latency" title={`Response time${of}`} spec={timeSpec(s, marks, "ms", latency)} rev={rev} canLog />
        )}
        <Heat data={data} rev={rev} marks={marks} />
        {errors.length > 0 && (
          <Chart id="errors-time" title="Failures by class" note="per second, stacked" rev={rev} height={errors.length > 0 ? 240 : 200}
            spec={timeSpec(s, marks, "per_second", errors.map(([k, c], i) => ({ key: k, label: words(k), values: perSecond(c, s.step), look: errorLook(i) })), { stacked: true })} />
        )}
        {otherGroups(s.columns).map((g) => {
          const timed = g.members.some((m) => /_p\d+$/.test(m.key)) || ["ttft", "itl", "tpot"].includes(g.key);
          const lines = g.members.map((m, i) => line(m.key, m.key === g.key ? words(m.key) : m.key.slice(g.key.length + 1), m.values, i));
          return <Chart key={g.key} id={`g-${g.key}`} title={words(g.key)} spec={timeSpec(s, marks, timed ? "ms" : groupUnit(g.key), lines)} rev={rev} canLog={timed} />;
        })}
        {hasSome(s.columns["output_tokens"]) && (
          <Chart id="tokens" title="Output tokens" note="per second" rev={rev}
            spec={timeSpec(s, marks, "tokens_per_second", [{ key: "output_tokens", label: "Tokens", values: perSecond(s.columns["output_tokens"], s.step), look: look(5) }], { filled: true })} />
        )}
        {hasValues(s.columns["active"]) && (
          <Chart id="active" title="Active users" rev={rev}
            spec={timeSpec(s, marks, "count", [{ key: "active", label: "Users", values: s.columns["active"], look: look(3) }], { filled: true })} />
        )}
        {phases.length > 0 && (
          <Chart id="phases-time" title="Where the time goes" note="mean of each phase, stacked" rev={rev}
            spec={timeSpec(s, marks, "ms", phases.map(([k, c], i) => ({ key: k, label: words(k), values: c, look: look(i) })), { stacked: true })} />
        )}
      </div>
    </Section>
  );
}
