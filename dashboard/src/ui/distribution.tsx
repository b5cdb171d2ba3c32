// How response times are spread, with other runs behind.
import { useState } from "preact/hooks";
import { Chart } from "../charts/chart.tsx";
import { look } from "../charts/marks.ts";
import type { ChartSpec, Line } from "../charts/types.ts";
import { distinct, histogramQuantile, stageLabel } from "../data/derive.ts";
import type { Distribution, PageData } from "../data/page.ts";
import { ms, plain } from "../format.ts";
import { Section, Select } from "./bits.tsx";

const total = (d: Distribution) => d.counts.reduce((a, b) => a + b, 0);

/** Shares of each bucket, or of all up to it, at the left edges of `edges`. Other edges are spread evenly on the log scale. */
export function sharesAt(d: Distribution, edges: number[], sum: boolean): number[] {
  const all = total(d) || 1;
  const same = d.edges_ms.length === edges.length && d.edges_ms.every((e, i) => e === edges[i]);
  let counts = d.counts;
  if (!same) {
    counts = new Array<number>(edges.length).fill(0);
    d.counts.forEach((n, i) => {
      const from = Math.log(Math.max(d.edges_ms[i] ?? 0, 1e-3));
      const to = Math.log(Math.max(d.edges_ms[i + 1] ?? 0, 1e-3));
      if (n <= 0 || !(to > from)) return;
      for (let k = 0; k + 1 < edges.length; k++) {
        const a = Math.log(Math.max(edges[k]!, 1e-3));
        const b = Math.log(Math.max(edges[k + 1]!, 1e-3));
        const overlap = Math.min(b, to) - Math.max(a, from);
        if (overlap > 0) counts[k]! += (n * overlap) / (to - from);
      }
    });
  }
  let running = 0;
  return edges.map((_, i) => {
    const n = (counts[i] ?? 0) / all;
    running += n;
    return sum ? Math.min(1, running) : n;
  });
}

export function Spread({ data, rev }: { data: PageData; rev: number }) {
  const usable = data.distribution.filter((d) => d.edges_ms.length > 1 && total(d) > 0);
  const [stage, setStage] = useState("");
  const [name, setName] = useState("");
  const [sum, setSum] = useState(false);
  if (usable.length === 0) return null;
  const stages = distinct(usable.map((d) => d.stage));
  const chosen = stages.includes(Number(stage)) && stage !== "" ? Number(stage) : stages.at(-1)!;
  const compare = stage === "each" && stages.length > 1;
  const names = distinct(usable.map((d) => d.name ?? ""));
  const nameNow = names.includes(name) ? name : names.includes("") ? "" : names[0]!;
  const matches = (d: Distribution, s: number) => d.stage === s && (d.name ?? "") === nameNow;
  const main = compare ? stages.flatMap((s) => usable.filter((d) => matches(d, s))) : usable.filter((d) => matches(d, chosen));
  const others = compare ? [] : data.overlay.flatMap((o) => o.distribution.filter((d) => matches(d, chosen) && total(d) > 0).map((d) => ({ label: o.label, d })));
  // The axis: the buckets of the first, from the first to the last one in use by any.
  const all = [...main, ...others.map((o) => o.d)];
  const widest = all.toSorted((a, b) => b.edges_ms.length - a.edges_ms.length)[0];
  const edges = widest?.edges_ms ?? [];
  const used = all.flatMap((d) => d.counts.flatMap((n, i) => (n > 0 ? [d.edges_ms[i]!, d.edges_ms[i + 1]!] : [])));
  const low = used.reduce((a, b) => Math.min(a, b), Infinity);
  const high = used.reduce((a, b) => Math.max(a, b), 0);
  const kept = edges.filter((e, i) => e > 0 && e <= high * 1.0001 && (edges[i + 1] ?? e) > low * 0.9999);
  const lines: Line[] = [
    ...main.map((d, i): Line => ({ key: `m${d.stage}`, label: compare ? stageLabel(data, d.stage) : data.overlay.length ? "this run" : stageLabel(data, d.stage), values: sharesAt(d, kept, sum), look: look(i) })),
    ...others.map((o, i): Line => ({ key: `o${i}`, label: o.label, values: sharesAt(o.d, kept, sum), look: look(i + 1) })),
  ];
  const spec: ChartSpec = { x: kept, lines, unit: "share", xLabel: "Response time", xUnit: "ms", xLog: true, stepped: true, filled: !compare, quiet: true };
  const marks = main.map((d) => `${stageLabel(data, d.stage)}: ${plain(total(d))} requests, half below ${ms(histogramQuantile(d.edges_ms, d.counts, 0.5))}, 99 % below ${ms(histogramQuantile(d.edges_ms, d.counts, 0.99))}`);
  const options: [number, string][] = stages.map((s) => [s, stageLabel(data, s)]);
  return (
    <Section id="distribution" title="Distribution"
      tools={
        <>
          {names.length > 1 && <Select label="Request" value={nameNow} set={setName} options={names.map((n): [string, string] => [n, n || "all requests"])} />}
          {options.length > 1 && <Select label="Stage" value={compare ? "each" : String(chosen)} set={setStage}
            options={[...options.map(([i, l]): [string, string] => [String(i), l]), ["each", "each stage"]]} />}
        </>
      }>
      <Chart id="spread" title="Response times" note={sum ? "share of requests at most this long" : "share of requests in each bucket, log scale"}
        spec={spec} rev={rev} height={220} summary={`Distribution of response times. ${marks.join("; ")}.`}
        tools={<button type="button" class="mini" aria-pressed={sum} onClick={() => setSum(!sum)}>cumulative</button>} />
    </Section>
  );
}
