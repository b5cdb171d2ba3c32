// A chart's figures as a table, made only when someone opens it.
import { useState } from "preact/hooks";
import { clock, value } from "../format.ts";
import type { ChartSpec } from "./types.ts";

const MOST_ROWS = 3600;

export function FiguresTable({ title, spec }: { title: string; spec: ChartSpec }) {
  const rows = spec.x.length;
  return (
    <Figures title={title} count={rows}
      head={[spec.xLabel ?? "Time", ...spec.lines.map((l) => l.label)]}
      body={() =>
        spec.x.slice(-MOST_ROWS).map((x, i) => {
          const at = Math.max(0, rows - MOST_ROWS) + i;
          return [
            spec.xLabel ? value(x, spec.xUnit ?? "count") : clock(x),
            ...spec.lines.map((l) => value(l.values[at], l.right ? (spec.rightUnit ?? "ms") : spec.unit)),
          ];
        })
      } />
  );
}

interface Props {
  title: string;
  count: number;
  head: string[];
  body(): string[][];
}

export function Figures({ title, count, head, body }: Props) {
  // A live run's table stands still while it is read.
  const [rows, setRows] = useState<string[][] | null>(null);
  const [headNow, setHead] = useState<string[]>([]);
  const take = () => {
    setHead(head);
    setRows(body());
  };
  if (count === 0) return null;
  return (
    <details class="figures" onToggle={(e) => (e.currentTarget.open ? take() : setRows(null))}>
      <summary>Figures <span class="sr">of {title}</span></summary>
      {rows && (
        <>
          <p class="note">
            {rows.length < count ? `The last ${rows.length} of ${count} rows. ` : `${rows.length} rows. `}
            <button type="button" class="mini" onClick={take}>Read again</button>
          </p>
          <div class="scroll tall" tabIndex={0} role="region" aria-label={`Figures of ${title}`}>
            <table>
              <thead><tr>{headNow.map((h) => <th scope="col" class="num">{h}</th>)}</tr></thead>
              <tbody>
                {rows.map((r) => (
                  <tr>{r.map((c, i) => (i === 0 ? <th scope="row" class="num">{c}</th> : <td class="num">{c}</td>))}</tr>
                ))}
              </tbody>
            </table>
          </div>
        </>
      )}
    </details>
  );
}
