// The legend: each line's look, name and value, as a switch.
import type { RefObject } from "preact";
import { latest } from "../data/series.ts";
import { value } from "../format.ts";
import type { Look } from "./marks.ts";
import type { ChartSpec, Line } from "./types.ts";

export function Swatch({ look, filled }: { look: Look; filled?: boolean }) {
  return (
    <svg class="swatch" width="20" height="10" viewBox="0 0 20 10" aria-hidden="true" style={{ color: look.color }}>
      {filled ? (
        <rect x="3" y="0.5" width="14" height="9" rx="2" fill="currentColor" />
      ) : (
        <line x1="0" y1="5" x2="20" y2="5" stroke="currentColor" stroke-width="2.4" stroke-dasharray={look.dash.join(" ")} />
      )}
    </svg>
  );
}

interface Props {
  lines: Line[];
  spec: ChartSpec;
  hidden: ReadonlySet<string>;
  toggle(key: string): void;
  cells: Map<string, HTMLElement>;
  where: RefObject<HTMLSpanElement | null>;
  stacked: boolean;
}

export function Legend({ lines, spec, hidden, toggle, cells, where, stacked }: Props) {
  return (
    <div class="legend">
      <ul>
        {lines.map((line) => (
          <li key={line.key}>
            <button type="button" aria-pressed={!hidden.has(line.key)} title={lines.length > 1 ? "Show or hide this line" : undefined}
              onClick={() => toggle(line.key)}>
              <Swatch look={line.look} filled={stacked} />
              <span>{line.label}</span>
              <b ref={(el) => { if (el) cells.set(line.key, el); else cells.delete(line.key); }}>
                {spec.quiet ? "" : value(latest(line.values), line.right ? (spec.rightUnit ?? "ms") : spec.unit)}
              </b>
            </button>
          </li>
        ))}
      </ul>
      <span class="where" ref={where} />
    </div>
  );
}
