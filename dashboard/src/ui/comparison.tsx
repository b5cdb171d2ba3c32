// A against B: each metric's effect with its interval, drawn on one common scale.
import type { Comparison, ComparisonRow } from "../data/page.ts";
import { change, NONE, own, plural } from "../format.ts";
import { Cell, Glyph, Scroll, Section } from "./bits.tsx";

const verdicts: Record<string, [string, string]> = {
  faster: ["ok", "faster"], better: ["ok", "better"], slower: ["bad", "slower"], worse: ["bad", "worse"],
  no_difference: ["none", "no difference seen"], equivalent: ["none", "equivalent"], inconclusive: ["unknown", "inconclusive"],
};

/** The effect axis: round, symmetric about no change, wide enough for nearly all intervals. */
export function effectRange(rows: ComparisonRow[]): number {
  const ends = rows.flatMap((r) => [r.low, r.high, r.effect]).filter((x) => x !== null).map(Math.abs).sort((a, b) => a - b);
  const wide = ends[Math.floor((ends.length - 1) * 0.97)] ?? 0.1;
  return [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 2, 5, 10].find((s) => s >= wide * 1.05) ?? Math.ceil(wide);
}

const W = 220;
function Forest({ r, range }: { r: ComparisonRow; range: number }) {
  const x = (v: number) => W / 2 + Math.max(-1, Math.min(1, v / range)) * (W / 2 - 8);
  const kind = own(verdicts, r.verdict)?.[0] ?? "none";
  return (
    <svg class={`forest ${kind}`} width={W} height="22" viewBox={`0 0 ${W} 22`} aria-hidden="true">
      <rect class="band" x={x(-0.05)} y="0" width={Math.max(0, x(0.05) - x(-0.05))} height="22" />
      <line class="zero" x1={W / 2} x2={W / 2} y1="0" y2="22" />
      {r.low !== null && r.high !== null && (
        <>
          <line class="interval" x1={x(r.low)} x2={x(r.high)} y1="11" y2="11" />
          {r.low >= -range ? <line class="interval" x1={x(r.low)} x2={x(r.low)} y1="7" y2="15" /> : <path class="point" d="M8 6L1 11L8 16Z" />}
          {r.high <= range ? <line class="interval" x1={x(r.high)} x2={x(r.high)} y1="7" y2="15" /> : <path class="point" d={`M${W - 8} 6L${W - 1} 11L${W - 8} 16Z`} />}
        </>
      )}
      {r.effect !== null && <circle class="point" cx={x(r.effect)} cy="11" r="4.2" />}
    </svg>
  );
}

export function Compare({ c }: { c: Comparison }) {
  const range = effectRange(c.rows);
  const key = (r: ComparisonRow, f: string) => `comparison.${r.scope}.${r.metric}.${f}`;
  return (
    <Section id="comparison" title={c.title} note={c.pairs > 0 ? `${c.branch} against ${c.base}, ${plural(c.pairs, "pair")}` : `${c.branch} against ${c.base}`}>
      {c.notes.length > 0 && <ul class="notes">{c.notes.map((n) => <li>{n}</li>)}</ul>}
      {c.rows.length > 0 && (
        <Scroll label={c.title}>
          <table class="compare">
            <thead>
              <tr>
                <th scope="col">Where</th><th scope="col">Metric</th>
                <th scope="col" class="num">{c.base}</th><th scope="col" class="num">{c.branch}</th>
                <th scope="col" class="num">Change</th><th scope="col" class="num">95 % interval</th>
                <th scope="col" class="axis"><span class="sr">Interval drawn from </span><span>−{Math.round(range * 100)} %</span><span class="sr"> over </span><span>0</span><span class="sr"> to </span><span>+{Math.round(range * 100)} %</span></th>
                <th scope="col" class="num">p</th><th scope="col" class="num" title="The smallest effect that this test could have seen">Visible from</th>
                <th scope="col">Verdict</th>
              </tr>
            </thead>
            <tbody>
              {c.rows.map((r, i) => {
                const [kind, text] = own(verdicts, r.verdict) ?? ["unknown", r.verdict || NONE];
                const p = r.p_adjusted ?? r.p;
                return (
                  <tr key={i} title={r.text || undefined}>
                    <td>{r.scope}</td>
                    <th scope="row">{r.metric || NONE}</th>
                    <Cell k={key(r, "base")} v={r.base} unit={r.unit} />
                    <Cell k={key(r, "branch")} v={r.branch} unit={r.unit} />
                    <td class="num" data-key={key(r, "effect")} data-value={r.effect ?? ""}><strong>{change(r.effect)}</strong></td>
                    <td class="num">{r.low === null || r.high === null ? NONE : `${change(r.low)} to ${change(r.high)}`}</td>
                    <td class="axis"><Forest r={r} range={range} /></td>
                    <td class="num" data-key={key(r, "p")} data-value={p ?? ""}>{p === null ? NONE : p < 0.001 ? "< 0.001" : p.toFixed(3)}</td>
                    <td class="num">{r.mde === null ? NONE : `±${(Math.abs(r.mde) * 100).toFixed(1)} %`}</td>
                    <td class={`state ${kind}`} data-key={key(r, "verdict")} data-value={r.verdict}><Glyph kind={kind} /> {text}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </Scroll>
      )}
    </Section>
  );
}
