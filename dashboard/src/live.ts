// The live protocol: the whole data once, then a tick each second; the browser reconnects by itself or we do.
import { readPage } from "./data/page.ts";
import { applyTick } from "./data/tick.ts";
import { changed, changedNow, setPaused, state } from "./store.ts";

const BUFFERED = 600;
let source: EventSource | null = null;
let fetching = false;
let failures = 0;
let early: unknown[] = [];

function parse(event: Event): unknown {
  try {
    return JSON.parse((event as MessageEvent<string>).data);
  } catch {
    return null;
  }
}

async function fetchData(): Promise<void> {
  if (fetching) return;
  fetching = true;
  early = [];
  try {
    const answer = await fetch("api/data", { cache: "no-store" });
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    state.data = readPage(await answer.json());
    state.error = null;
    state.heard = Date.now();
    for (const tick of early) applyTick(state.data, tick);
  } catch (e) {
    if (!state.data) state.error = `No run data: ${e instanceof Error ? e.message : String(e)}.`;
  } finally {
    fetching = false;
    early = [];
    changedNow();
  }
}

function onTick(event: Event): void {
  const tick = parse(event);
  state.heard = Date.now();
  if (fetching || !state.data) {
    if (early.length < BUFFERED) early.push(tick);
    if (!fetching) void fetchData();
    return;
  }
  if (!applyTick(state.data, tick)) void fetchData();
  changed();
}

function connect(): void {
  source = new EventSource("api/events");
  source.addEventListener("open", () => {
    failures = 0;
    state.link = "open";
    void fetchData();
  });
  source.addEventListener("tick", onTick);
  source.addEventListener("data", (event) => {
    const raw = parse(event);
    if (raw === null) return;
    state.data = readPage(raw);
    state.heard = Date.now();
    changed();
  });
  source.addEventListener("bye", () => {
    source?.close();
    state.link = "over";
    setPaused(false);
    void fetchData().finally(changedNow);
  });
  source.addEventListener("error", () => {
    if (state.link === "over") return;
    failures++;
    state.link = state.data ? "lost" : "failed";
    changedNow();
    // A closed source will not come back by itself.
    if (source?.readyState === EventSource.CLOSED) {
      setTimeout(connect, Math.min(15_000, 500 * 2 ** Math.min(failures, 5)));
    }
  });
}

export function startLive(): void {
  connect();
  // Staleness is about time passing, so it is looked at even when nothing comes.
  setInterval(() => {
    if (state.link !== "over" && state.heard > 0 && Date.now() - state.heard > 4000) changedNow();
  }, 1000);
}

/** Seconds without a tick, or null while ticks come. */
export function staleFor(): number | null {
  if (state.link === "over" || state.link === "report" || state.heard === 0) return null;
  const s = (Date.now() - state.heard) / 1000;
  return s > 5 ? Math.floor(s) : null;
}

async function post(path: string, body?: unknown): Promise<void> {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "X-Plimsoll-Token": state.token, "Content-Type": "application/json" },
    body: JSON.stringify(body ?? {}),
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
}

export const stopRun = (): Promise<void> => post("api/stop");
export const annotate = (text: string): Promise<void> => post("api/annotate", { text });
