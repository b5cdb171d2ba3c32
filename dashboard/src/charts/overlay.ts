// What charts over time show besides their lines: warm-up, stages, notes.
import type uPlot from "uplot";
import { resolve } from "../theme.ts";
import type { ChartSpec } from "./types.ts";

function clip(u: uPlot, draw: (ctx: CanvasRenderingContext2D, ratio: number) => void): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.setLineDash([]);
  draw(ctx, devicePixelRatio || 1);
  ctx.restore();
}

/** Warm-up is hatched: shading alone would look like night in one theme and vanish in the other. */
export function drawBehind(u: uPlot, spec: ChartSpec): void {
  const marks = spec.marks;
  if (!marks || marks.warmup.length === 0) return;
  const { top, height } = u.bbox;
  for (const [from, to] of marks.warmup) {
    const left = u.valToPos(from, "x", true);
    const right = u.valToPos(to, "x", true);
    if (!(right > left)) continue;
    clip(u, (ctx, ratio) => {
      ctx.beginPath();
      ctx.rect(left, top, right - left, height);
      ctx.clip();
      ctx.fillStyle = resolve("var(--warm)");
      ctx.fillRect(left, top, right - left, height);
      ctx.strokeStyle = resolve("var(--hatch)");
      ctx.lineWidth = ratio;
      ctx.beginPath();
      for (let x = left - height; x < right; x += 7 * ratio) {
        ctx.moveTo(x, top + height);
        ctx.lineTo(x + height, top);
      }
      ctx.stroke();
    });
  }
}

/** Stage boundaries with their label, notes as numbered flags (the numbers stand in the list of notes). */
export function drawInFront(u: uPlot, spec: ChartSpec): void {
  const marks = spec.marks;
  if (!marks) return;
  const { left, top, width, height } = u.bbox;
  const ink = resolve("var(--muted)");
  clip(u, (ctx, ratio) => {
    ctx.font = `${10 * ratio}px system-ui, sans-serif`;
    ctx.textBaseline = "top";
    ctx.lineWidth = ratio;
    let free = -Infinity;
    for (const { t, label } of marks.stages) {
      const x = Math.round(u.valToPos(t, "x", true)) + 0.5;
      if (x < left - 200 * ratio || x > left + width) continue;
      ctx.strokeStyle = resolve("var(--line)");
      ctx.beginPath();
      ctx.moveTo(x, top);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      const wide = ctx.measureText(label).width;
      if (x + 4 * ratio > free) {
        ctx.fillStyle = ink;
        ctx.textAlign = "left";
        ctx.fillText(label, Math.max(x, left) + 4 * ratio, top + 2 * ratio);
        free = x + wide + 14 * ratio;
      }
    }
    for (const { t, number, kind } of marks.notes) {
      const x = Math.round(u.valToPos(t, "x", true)) + 0.5;
      if (x < left || x > left + width) continue;
      const color = resolve(kind === "warning" ? "var(--warn)" : "var(--accent)");
      ctx.strokeStyle = color;
      ctx.setLineDash([3 * ratio, 3 * ratio]);
      ctx.beginPath();
      ctx.moveTo(x, top + 14 * ratio);
      ctx.lineTo(x, top + height);
      ctx.stroke();
      ctx.setLineDash([]);
      ctx.fillStyle = color;
      const r = 7 * ratio;
      ctx.beginPath();
      ctx.arc(x, top + 24 * ratio, r, 0, Math.PI * 2);
      ctx.fill();
      ctx.fillStyle = resolve("var(--panel)");
      ctx.textAlign = "center";
      ctx.fillText(String(number), x, top + 19.5 * ratio);
    }
  });
}
