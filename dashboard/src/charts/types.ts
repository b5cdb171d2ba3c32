import type { Column } from "../data/series.ts";
import type { Unit } from "../format.ts";
import type { Look } from "./marks.ts";

export interface Line {
  key: string;
  label: string;
  values: Column;
  look: Look;
  /** The right-hand axis. */
  right?: boolean;
  points?: boolean;
}

/** What stands behind and in front of every chart over time. */
export interface TimeMarks {
  warmup: [number, number][];
  stages: { t: number; label: string }[];
  notes: { t: number; number: number; kind: string }[];
}

export interface ChartSpec {
  x: number[];
  lines: Line[];
  unit: Unit;
  rightUnit?: Unit;
  /** Lines on top of each other, filled. */
  stacked?: boolean;
  log?: boolean;
  marks?: TimeMarks;
  /** The x axis: time since the start, or a plain number with a label. */
  xLabel?: string;
  xUnit?: Unit;
  xLog?: boolean;
  /** Length of one row, so that the last one is drawn whole. */
  step?: number;
  /** Steps instead of straight lines (a histogram). */
  stepped?: boolean;
  /** Lines that are also filled down to the axis. */
  filled?: boolean;
  /** The last value says nothing by itself: the legend shows values only under the cursor. */
  quiet?: boolean;
  /** Lines go on over missing values (metrics that are scraped more seldom than once a row). */
  span?: boolean;
  /** The y axis, when the lines do not say it. */
  yDomain?: [number, number];
}
