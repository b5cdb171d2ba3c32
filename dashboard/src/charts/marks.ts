// How series look: a colour and a dash each, so that colour is never the only difference.
import { own } from "../format.ts";

export interface Look {
  color: string;
  dash: number[];
}

const dashes: number[][] = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 4], [12, 4], [1, 2], [6, 2, 1, 2, 1, 2]];

export const look = (i: number): Look => ({ color: `var(--s${(i % 8) + 1})`, dash: dashes[i % 8]! });

const fixedLooks: Record<string, Look> = {
  ok: { color: "var(--s1)", dash: [] },
  failed: { color: "var(--s5)", dash: [7, 3] },
  p50: { color: "var(--s1)", dash: [] },
  p90: { color: "var(--s6)", dash: [7, 3] },
  p95: { color: "var(--s2)", dash: [2, 3] },
  p99: { color: "var(--s5)", dash: [9, 3, 2, 3] },
  mean: { color: "var(--s4)", dash: [4, 4] },
  max: { color: "var(--s8)", dash: [1, 2] },
};

/** The look of a quantile is the same in every chart. */
export function lookOf(key: string, i: number): Look {
  return own(fixedLooks, key.replace(/^.*_(?=(p\d+|mean|max)$)/, "")) ?? look(i);
}

/** Error classes keep their colour from chart to chart: red first, then away from it. */
export const errorLook = (i: number): Look => look([4, 1, 3, 6, 7, 2, 5, 0][i % 8]!);
