// The page's one state. Changes are drawn together, at most once a frame, and not at all while nobody looks.
import type { PageData } from "./data/page.ts";

export type Link = "report" | "connecting" | "open" | "lost" | "over" | "failed";

export interface State {
  data: PageData | null;
  /** While paused: what was there when drawing stopped. */
  frozen: PageData | null;
  error: string | null;
  link: Link;
  /** When the last tick came, in ms. */
  heard: number;
  paused: boolean;
  token: string;
  /** Counts what was drawn: charts are fed when it changes. */
  rev: number;
}

export const state: State = { data: null, frozen: null, error: null, link: "connecting", heard: 0, paused: false, token: "", rev: 0 };

let draw: () => void = () => {};
let waiting = false;
let missed = false;

export function onDraw(f: () => void): void {
  draw = f;
}

function now(): void {
  waiting = false;
  state.rev++;
  draw();
}

/** New figures came: drawn in the next frame, later when the page is hidden, never while paused. */
export function changed(): void {
  if (document.hidden || state.paused) {
    missed = true;
    return;
  }
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(now);
}

/** Something the user did or must know now. */
export function changedNow(): void {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(now);
}

export function setPaused(paused: boolean): void {
  state.paused = paused;
  state.frozen = paused && state.data ? structuredClone(state.data) : null;
  missed = false;
  changedNow();
}

export function startStore(): void {
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && missed && !state.paused) {
      missed = false;
      changedNow();
    }
  });
}
