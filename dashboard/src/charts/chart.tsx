// A chart as people meet it: title, legend that switches lines, canvas, spoken summary, its figures as a table.
import type uPlot from "uplot";
import type { ComponentChildren } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { clock, NONE, tick, value } from "../format.ts";
import { latest } from "../data/series.ts";
import { onTheme } from "../theme.ts";
import { FiguresTable } from "./figures.tsx";
import { Legend } from "./legend.tsx";
import { fullRange, makePlot, plotData } from "./plot.ts";
import type { ChartSpec, Line } from "./types.ts";
import { joinZoom, setZoom, zoomRange } from "./zoom.ts";

interface Props {
  id: string;
  title: string;
  note?: string | undefined;
  spec: ChartSpec;
  /** Changes whenever the figures do. */
  rev: number;
  height?: number | undefined;
  tools?: ComponentChildren;
  /** Instead of the latest values: what the chart shows, in a sentence. */
  summary?: string | undefined;
  canLog?: boolean | undefined;
  paint?: ((u: uPlot, spec: ChartSpec) => void) | undefined;
  readout?: ((u: uPlot, row: number | null) => string) | undefined;
  aside?: ComponentChildren;
  noTable?: boolean;
}

export const lineUnit = (spec: ChartSpec, line: Line) => (line.right ? (spec.rightUnit ?? "ms") : spec.unit);

export function spokenSummary(title: string, spec: ChartSpec): string {
  if (spec.x.length === 0) return `${title}: no figures yet.`;
  const at = spec.xLabel ? `${spec.xLabel}, up to ${tick(spec.x.at(-1)!, spec.xUnit ?? "count")}` : `at ${clock(spec.x.at(-1))}`;
  const parts = spec.lines.map((l) => `${l.label} ${value(latest(l.values), lineUnit(spec, l))}`);
  return `${title}. Latest values, ${at}: ${parts.join(", ")}.`;
}

export function Chart(props: Props) {
  const { id, title, note, spec, rev, height = 200, tools, canLog } = props;
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const current = useRef(spec);
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const [log, setLog] = useState(false);
  const [theme, setThemeCount] = useState(0);
  const onScreen = useRef(true);
  const dirty = useRef(false);
  const cells = useRef(new Map<string, HTMLElement>());
  const where = useRef<HTMLSpanElement>(null);
  const shown: ChartSpec = log ? { ...spec, log: true } : spec;
  current.current = shown;
  const timed = !spec.xLabel;

  const showRow = (row: number | null) => {
    const s = current.current;
    for (const line of s.lines) {
      const cell = cells.current.get(line.key);
      if (!cell) continue;
      const v = row === null ? latest(line.values) : (line.values[row] ?? null);
      cell.textContent = row === null && s.quiet ? "" : value(v, lineUnit(s, line));
    }
    if (!where.current) return;
    if (props.readout && plot.current) where.current.textContent = props.readout(plot.current, row);
    else if (row === null || s.x[row] === undefined) where.current.textContent = timed && s.x.length ? `latest, ${clock(s.x.at(-1))}` : "";
    else where.current.textContent = timed ? `at ${clock(s.x[row])}` : `${s.xLabel}: ${value(s.x[row], s.xUnit ?? "count")}`;
  };

  // The chart is made again when what it consists of changes, and only fed when its figures do.
  const shape = [
    spec.lines.map((l) => `${l.key}${l.right ? "→" : ""}`).join(), [...hidden].join(), log, theme, spec.unit, spec.stacked, spec.xLog, spec.xLabel,
  ].join("|");
  useEffect(() => {
    if (!host.current) return;
    const made = makePlot(host.current, () => current.current, new Set(hidden), height, timed ? "time" : null, {
      cursor: showRow,
      zoom: (range) => timed && setZoom(range),
      ...(props.paint ? { paint: (u: uPlot) => props.paint!(u, current.current) } : {}),
    }, timed ? zoomRange() : null);
    plot.current = made;
    const leave = timed
      ? joinZoom((range) => {
          const [min, max] = range ?? fullRange(current.current);
          made.setScale("x", { min, max });
        })
      : () => {};
    const resize = new ResizeObserver(() => {
      const width = host.current?.clientWidth ?? 0;
      if (width > 60 && Math.abs(width - made.width) > 1) made.setSize({ width, height });
    });
    resize.observe(host.current);
    return () => {
      leave();
      resize.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  const feed = () => {
    const u = plot.current;
    if (!u) return;
    if (!onScreen.current) {
      dirty.current = true;
      return;
    }
    dirty.current = false;
    const zoomed = timed ? zoomRange() : null;
    u.batch(() => {
      u.setData(plotData(current.current, new Set(hidden)).data, false);
      const [min, max] = zoomed ?? fullRange(current.current);
      u.setScale("x", { min, max });
    });
    showRow(u.cursor.idx ?? null);
  };
  useEffect(feed, [rev, shape]);
  useEffect(() => onTheme(() => setThemeCount((n) => n + 1)), []);
  useEffect(() => {
    // A chart far from the screen is not fed until it comes near.
    const seen = new IntersectionObserver((entries) => {
      onScreen.current = entries.some((e) => e.isIntersecting);
      if (onScreen.current && dirty.current) feedRef.current();
    }, { rootMargin: "300px" });
    if (host.current) seen.observe(host.current);
    return () => seen.disconnect();
  }, []);
  const feedRef = useRef(feed);
  feedRef.current = feed;

  // Arrow keys walk through the figures as a mouse does.
  const onKeyDown = (e: KeyboardEvent) => {
    const u = plot.current;
    const s = current.current;
    if (!u || s.x.length === 0) return;
    const rows = s.x.length;
    const jump = e.shiftKey ? Math.max(1, Math.round(rows / 20)) : 1;
    const at = u.cursor.idx ?? null;
    let next: number | null = null;
    if (e.key === "ArrowRight") next = at === null ? 0 : Math.min(rows - 1, at + jump);
    else if (e.key === "ArrowLeft") next = at === null ? rows - 1 : Math.max(0, at - jump);
    else if (e.key === "Home") next = 0;
    else if (e.key === "End") next = rows - 1;
    else if (e.key === "Escape") {
      u.setCursor({ left: -10, top: -10 });
      setZoom(null);
      return;
    } else return;
    e.preventDefault();
    u.setCursor({ left: u.valToPos(s.x[next]!, "x"), top: u.over.clientHeight / 2 });
  };

  const toggle = (key: string) => {
    const next = new Set(hidden);
    if (next.has(key)) next.delete(key);
    else if (next.size < spec.lines.length - 1) next.add(key);
    setHidden(next);
  };
  const label = props.summary ?? spokenSummary(title, spec);
  return (
    <div class="panel chart" role="group" aria-labelledby={`${id}-title`}>
      <header>
        <h3 id={`${id}-title`}>{title}</h3>
        {note && <p class="note">{note}</p>}
        <span class="grow" />
        {tools}
        {canLog && (
          <button type="button" class="mini" aria-pressed={log} onClick={() => setLog(!log)}>log</button>
        )}
      </header>
      <Legend lines={spec.lines} spec={spec} hidden={hidden} toggle={toggle} cells={cells.current} where={where} stacked={spec.stacked === true} />
      <div class="plot" style={{ height: `${height}px` }} ref={host} role="img" tabIndex={0} aria-label={label} onKeyDown={onKeyDown} />
      {spec.x.length === 0 && <p class="empty">{NONE} no figures yet</p>}
      {props.aside}
      {!props.noTable && <FiguresTable title={title} spec={spec} />}
    </div>
  );
}
