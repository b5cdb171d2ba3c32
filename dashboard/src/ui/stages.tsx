// Tiers or levels of load: the curve that shows where the target saturates, and its figures.
import { Chart } from "../charts/chart.tsx";
import { look } from "../charts/marks.ts";
import type { ChartSpec, Line } from "../charts/types.ts";
import { stageLoad } from "../data/derive.ts";
import type { PageData, Stage } from "../data/page.ts";
import { plain } from "../format.ts";
import { Cell, Scroll, Section } from "./bits.tsx";

type Field = "throughput_rps" | "p50" | "p95";

interface Source {
  label: string;
  stages: Stage[];
}

function curveSpec(sources: Source[], fields: Field[], unit: "users" | "rate", yUnit: string): ChartSpec {
  const load = (s: Stage) => (unit === "users" ? s.users : s.rate);
  const x = [...new Set(sources.flatMap((o) => o.stages.map(load)))].filter((v) => v !== null).sort((a, b) => a - b);
  const lines: Line[] = [];
  sources.forEach((o, i) => {
    fields.forEach((field, f) => {
      const values = x.map((at) => o.stages.find((s) => load(s) === at)?.[field] ?? null);
      if (!values.some((v) => v !== null)) return;
      const name = field === "throughput_rps" ? "Throughput" : field;
      lines.push({
        key: `${i}.${field}`, label: i === 0 ? name : `${name}, ${o.label}`, values, points: true,
        look: i === 0 ? { color: look(field === "p95" ? 1 : 0).color, dash: look(f).dash } : look(2 + i * 2 + f),
      });
    });
  });
  if (unit === "rate" && fields[0] === "throughput_rps") {
    lines.push({ key: "offered", label: "Offered", values: x, look: { color: "var(--muted)", dash: [2, 4] } });
  }
  const wide = x.length > 2 && x[0]! > 0 && x.at(-1)! / x[0]! >= 16;
  return { x, lines, xLog: wide, unit: yUnit, xLabel: unit === "users" ? "Simultaneous users" : "Offered requests per second", xUnit: "count" };
}

export function Stages({ data, rev }: { data: PageData; rev: number }) {
  if (data.stages.length === 0) return null;
  const unit = data.stages.map(stageLoad).find((l) => l !== null)?.unit ?? "users";
  const sources: Source[] = [{ label: "this run", stages: data.stages }, ...data.overlay];
  const distinctLoads = new Set(data.stages.map((s) => stageLoad(s)?.value).filter((v) => v !== undefined)).size;
  const key = (s: Stage, f: string) => `stages.${s.index}.${f}`;
  const tiers = data.stages.some((s) => s.kind === "tier");
  return (
    <Section id="stages" title={tiers ? "Tiers" : "Levels of load"} note="how the target bears more load">
      {distinctLoads > 1 && (
        <div class="charts">
          <Chart id="curve-rps" title="Throughput by load" spec={curveSpec(sources, ["throughput_rps"], unit, "per_second")} rev={rev} height={210} />
          <Chart id="curve-ms" title="Response time by load" spec={curveSpec(sources, ["p50", "p95"], unit, "ms")} rev={rev} height={210} canLog />
        </div>
      )}
      <Scroll label="Figures by stage">
        <table>
          <thead>
            <tr>
              <th scope="col">Stage</th>
              {["Users", "Rate", "Ok", "Failed", "Ok/s", "In flight", "Mean", "p50", "p90", "p95", "p99"].map((h) => <th scope="col" class="num" key={h}>{h}</th>)}
            </tr>
          </thead>
          <tbody>
            {data.stages.map((s) => (
              <tr key={s.index}>
                <th scope="row">{s.label || plain(s.index)}</th>
                <Cell k={key(s, "users")} v={s.users} unit="count" />
                <Cell k={key(s, "rate")} v={s.rate} unit="per_second" />
                <Cell k={key(s, "ok")} v={s.ok} unit="count" />
                <Cell k={key(s, "failed")} v={s.failed} unit="count">{s.failed > 0 && <span class="bad"> ✕</span>}</Cell>
                <Cell k={key(s, "throughput_rps")} v={s.throughput_rps} unit="per_second" />
                <Cell k={key(s, "concurrency")} v={s.concurrency} unit="count" />
                {(["mean", "p50", "p90", "p95", "p99"] as const).map((f) => <Cell key={f} k={key(s, f)} v={s[f]} unit="ms" />)}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}
