// A table whose columns sort, told by aria-sort.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Scroll } from "./bits.tsx";

export interface Col<R> {
  key: string;
  label: string;
  /** Figures stand at the right, and so does their head. */
  num?: boolean;
  title?: string;
  /** What it sorts by; numbers show the largest first. */
  by(row: R): number | string | null;
  cell(row: R): ComponentChildren;
}

function compare(a: number | string | null, b: number | string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), "en", { numeric: true });
}

export function SortTable<R>({ label, rows, cols, rowKey }: { label: string; rows: R[]; cols: Col<R>[]; rowKey(row: R, i: number): string }) {
  const [sort, setSort] = useState<{ key: string; up: boolean } | null>(null);
  const col = cols.find((c) => c.key === sort?.key);
  const shown = col && sort ? rows.toSorted((a, b) => (sort.up ? 1 : -1) * compare(col.by(a), col.by(b))) : rows;
  const press = (c: Col<R>) => {
    const text = rows.some((r) => typeof c.by(r) === "string");
    if (sort?.key !== c.key) setSort({ key: c.key, up: text });
    else if (sort.up === text) setSort({ key: c.key, up: !text });
    else setSort(null);
  };
  return (
    <Scroll label={label} tall>
      <table class="sortable">
        <thead>
          <tr>
            {cols.map((c) => {
              const on = sort?.key === c.key;
              return (
                <th scope="col" class={c.num ? "num" : ""} key={c.key} aria-sort={on ? (sort.up ? "ascending" : "descending") : "none"} title={c.title}>
                  <button type="button" onClick={() => press(c)}>
                    <span class="arrow" aria-hidden="true">{on ? (sort.up ? "▲" : "▼") : ""}</span>{c.label}
                  </button>
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>{shown.map((r, i) => <tr key={rowKey(r, i)}>{cols.map((c) => c.cell(r))}</tr>)}</tbody>
      </table>
    </Scroll>
  );
}
