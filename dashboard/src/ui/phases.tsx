// Where a request spends its time, stage by stage.
import { Swatch } from "../charts/legend.tsx";
import { look } from "../charts/marks.ts";
import { distinct, stageLabel } from "../data/derive.ts";
import type { PageData } from "../data/page.ts";
import { ms, share, words } from "../format.ts";
import { Cell, Scroll, Section } from "./bits.tsx";

export function PhaseBars({ data }: { data: PageData }) {
  const stages = data.phases.filter((p) => p.rows.length > 0);
  if (stages.length === 0) return null;
  const names = distinct(stages.flatMap((p) => p.rows.map((r) => r.name)));
  const label = (name: string) => stages.flatMap((p) => p.rows).find((r) => r.name === name)?.label || words(name);
  const total = (rows: { mean: number | null }[]) => rows.reduce((a, r) => a + Math.max(0, r.mean ?? 0), 0);
  const most = Math.max(1e-9, ...stages.map((p) => total(p.rows)));
  const sources = distinct(stages.map((p) => p.source).filter((s) => s));
  const summary = stages.map((p) => {
    const top = p.rows.toSorted((a, b) => (b.mean ?? 0) - (a.mean ?? 0))[0]!;
    return `${stageLabel(data, p.stage)}: ${ms(total(p.rows))} in all, most in ${top.label || words(top.name)} (${share(top.share)})`;
  }).join("; ");
  return (
    <Section id="phases" title="Phases"
      note={sources.length ? `from ${sources.map((s) => (s === "trace" ? "the server's own traces" : s === "stream" ? "the event stream" : s)).join(" and ")}` : undefined as never}>
      <div class="panel">
        <div class="legend"><ul>{names.map((n, i) => <li key={n}><span class="key"><Swatch look={look(i)} filled />{label(n)}</span></li>)}</ul></div>
        <div class="bars" role="img" aria-label={`Phases by stage. ${summary}.`}>
          {stages.map((p) => {
            const sum = total(p.rows);
            return (
              <div class="bar" key={p.stage}>
                <span class="name">{stageLabel(data, p.stage)}</span>
                <span class="track">
                  {p.rows.map((r) => {
                    const part = Math.max(0, r.mean ?? 0) / most;
                    return (
                      <i key={r.name} title={`${r.label || words(r.name)}: ${ms(r.mean)}`}
                        style={{ width: `${(part * 100).toFixed(3)}%`, background: look(names.indexOf(r.name)).color }}>
                        {part > 0.09 && <span>{ms(r.mean)}</span>}
                      </i>
                    );
                  })}
                </span>
                <span class="sum">{ms(sum)}</span>
              </div>
            );
          })}
        </div>
        <details class="figures">
          <summary>Figures <span class="sr">of phases</span></summary>
          <Scroll label="Figures of phases">
            <table>
              <thead><tr>{["Stage", "Phase"].map((h) => <th scope="col" key={h}>{h}</th>)}{["Mean", "p50", "p90", "p99", "Share"].map((h) => <th scope="col" class="num" key={h}>{h}</th>)}</tr></thead>
              <tbody>
                {stages.flatMap((p) => p.rows.map((r) => (
                  <tr key={`${p.stage} ${r.name}`}>
                    <td>{stageLabel(data, p.stage)}</td>
                    <th scope="row">{r.label || words(r.name)}</th>
                    {(["mean", "p50", "p90", "p99"] as const).map((f) => <Cell key={f} k={`phases.${p.stage}.${r.name}.${f}`} v={r[f]} unit="ms" />)}
                    <Cell k={`phases.${p.stage}.${r.name}.share`} v={r.share} unit="share" />
                  </tr>
                )))}
              </tbody>
            </table>
          </Scroll>
        </details>
      </div>
    </Section>
  );
}
