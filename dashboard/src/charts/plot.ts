// One uPlot chart from a ChartSpec.
import uPlot from "uplot";
import { clock, tick, type Unit } from "../format.ts";
import { resolve } from "../theme.ts";
import { stack } from "../data/derive.ts";
import { drawBehind, drawInFront } from "./overlay.ts";
import type { ChartSpec, Line } from "./types.ts";

const TIME_STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400];
const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

/** Round ticks on a log axis: 1, 2, 5 per decade while they fit, else powers of ten. */
export function logTicks(min: number, max: number, most: number): number[] {
  for (const steps of [[1, 1.5, 2, 3, 4, 5, 6, 8], [1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]]) {
    const out: number[] = [];
    for (let e = Math.floor(Math.log10(min)); e <= Math.ceil(Math.log10(max)); e++) {
      for (const s of steps) {
        const v = s * 10 ** e;
        if (v >= min && v <= max) out.push(Number(v.toPrecision(3)));
      }
    }
    if (out.length <= most || steps.length === 1) return out;
  }
  return [];
}

const logSplits = (space: number) => (u: uPlot, axis: number, min: number, max: number): number[] => {
  const long = axis === 0 ? u.bbox.width : u.bbox.height;
  return logTicks(Math.max(min, 1e-4), max, Math.max(2, long / (devicePixelRatio || 1) / space));
};

export interface PlotHooks {
  cursor(row: number | null): void;
  zoom(range: [number, number] | null): void;
  paint?: (u: uPlot) => void;
}

/** The lines to draw, and their figures in uPlot's order (stacks are drawn from the top one down). */
export function plotData(spec: ChartSpec, hidden: Set<string>): { lines: Line[]; data: uPlot.AlignedData } {
  const shown = spec.lines.filter((l) => !hidden.has(l.key));
  if (!spec.stacked) return { lines: shown, data: [spec.x, ...shown.map((l) => l.values)] as uPlot.AlignedData };
  const sums = stack(shown.map((l) => l.values));
  return { lines: shown.toReversed(), data: [spec.x, ...sums.toReversed()] as uPlot.AlignedData };
}

/** The whole of the x axis. */
export function fullRange(spec: ChartSpec): [number, number] {
  const first = spec.x[0] ?? 0;
  const last = (spec.x.at(-1) ?? 1) + (spec.step ?? 0);
  if (spec.xLog) {
    const low = Math.max(first, 1e-3);
    const high = Math.max(last, low * 1.1);
    return spec.stepped ? [low, high] : [low / 1.2, high * 1.2];
  }
  if (last > first) return spec.xLabel ? [Math.min(0, first), last + (last - first) * 0.03] : [first, last];
  return [first, first + Math.max(1, Math.abs(first))];
}

function axes(spec: ChartSpec): uPlot.Axis[] {
  const ink = resolve("var(--muted)");
  const line = resolve("var(--grid)");
  const common = { stroke: ink, font: FONT, ticks: { show: false }, grid: { stroke: line, width: 1 } };
  const time = !spec.xLabel;
  const xUnit = spec.xUnit ?? "count";
  const y = (scale: string, unit: Unit, side: 1 | 3): uPlot.Axis => ({
    ...common,
    scale,
    side,
    gap: 6,
    size: (_u, values) => 16 + 6.3 * Math.max(3, ...(values ?? []).map((v) => String(v ?? "").length)),
    values: (_u, ticks) => ticks.map((t) => (t === null ? "" : tick(t, unit))),
    grid: { stroke: line, width: 1, show: side === 3 },
    ...(spec.log && !spec.stacked ? { splits: logSplits(34), filter: (_u: uPlot, ticks: number[]) => ticks } : {}),
    ...(unit === "count" ? { incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 1e7, 1e8] } : {}),
  });
  const out: uPlot.Axis[] = [
    {
      ...common,
      gap: 6,
      size: 28,
      space: 64,
      ...(spec.xLabel ? { label: spec.xLabel, labelFont: FONT, labelSize: 16, labelGap: 0 } : {}),
      ...(time ? { incrs: TIME_STEPS } : {}),
      ...(spec.xLog ? { splits: logSplits(64), filter: (_u: uPlot, ticks: number[]) => ticks } : {}),
      values: (_u, ticks) => ticks.map((t) => (t === null ? "" : time ? clock(t) : tick(t, xUnit))),
    },
    y("y", spec.unit, 3),
  ];
  if (spec.lines.some((l) => l.right)) out.push(y("right", spec.rightUnit ?? "ms", 1));
  return out;
}

function yRange(log: boolean, domain: () => [number, number] | undefined = () => undefined) {
  return (_u: uPlot, min: number | null, max: number | null): [number, number] => {
    const given = domain();
    if (given) return given;
    if (log) {
      const low = Math.max(min ?? 1, 1e-3);
      return [low / 1.15, Math.max(max ?? 10, low * 2) * 1.15];
    }
    const top = max === null || !Number.isFinite(max) || max <= 0 ? 1 : max * 1.06;
    return [Math.min(0, min ?? 0), top];
  };
}

export function makePlot(
  host: HTMLElement, spec: () => ChartSpec, hidden: Set<string>, height: number, syncKey: string | null, on: PlotHooks,
  range: [number, number] | null,
): uPlot {
  const first = spec();
  const { lines, data } = plotData(first, hidden);
  const log = first.log === true && !first.stacked;
  const series: uPlot.Series[] = [{}];
  for (const line of lines) {
    const color = resolve(line.look.color);
    const paths = first.stepped ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
    series.push({
      label: line.label,
      scale: line.right ? "right" : "y",
      stroke: color,
      width: first.stacked ? 1 : 1.6,
      dash: first.stacked ? [] : line.look.dash,
      spanGaps: first.span === true,
      points: { show: line.points === true, size: 6, fill: color, stroke: color },
      ...(paths ? { paths } : {}),
      ...(first.stacked ? { fill: resolve(`color-mix(in oklab, ${line.look.color} 62%, var(--panel))`) } : {}),
      ...(first.filled && line === lines[0] ? { fill: resolve(`color-mix(in srgb, ${line.look.color} 16%, transparent)`) } : {}),
    });
  }
  let ready = false;
  const plot = new uPlot(
    {
      width: Math.max(120, host.clientWidth),
      height,
      legend: { show: false },
      padding: [12, first.lines.some((l) => l.right) ? 0 : 20, 0, 0],
      cursor: {
        y: false,
        points: { size: 7 },
        drag: { x: true, y: false, dist: 6 },
        ...(syncKey ? { sync: { key: syncKey, scales: ["x", null], filters: { pub: (type) => type.startsWith("mousemove") || type === "mouseleave" } } } : {}),
      },
      scales: {
        x: { time: false, ...(first.xLog ? { distr: 3 as const } : {}), range: (_u, min, max) => [min, max] },
        y: { distr: log ? 3 : 1, range: yRange(log, () => spec().yDomain) },
        right: { range: yRange(false) },
      },
      axes: axes(first),
      series,
      hooks: {
        drawClear: [(u) => drawBehind(u, spec())],
        draw: [(u) => { on.paint?.(u); drawInFront(u, spec()); }],
        setCursor: [(u) => on.cursor(u.cursor.idx ?? null)],
        setScale: [(u, key) => {
          if (key !== "x" || !ready) return;
          const full = fullRange(spec());
          const { min, max } = u.scales["x"]!;
          if (min === undefined || max === undefined) return;
          const slack = (full[1] - full[0]) * 1e-6;
          on.zoom(min <= full[0] + slack && max >= full[1] - slack ? null : [min, max]);
        }],
      },
    },
    data,
    host,
  );
  const [min, max] = range ?? fullRange(first);
  plot.setScale("x", { min, max });
  plot.over.addEventListener("dblclick", () => {
    const full = fullRange(spec());
    plot.setScale("x", { min: full[0], max: full[1] });
  });
  queueMicrotask(() => { ready = true; });
  return plot;
}
