// One zoom for all charts over time: what was dragged in one holds in all of them.
type Range = [number, number] | null;

const members = new Set<(range: Range) => void>();
const listeners = new Set<() => void>();
let range: Range = null;
let busy = false;

export const zoomRange = (): Range => range;

export function setZoom(next: Range): void {
  if (busy || (next === null && range === null)) return;
  if (next && range && next[0] === range[0] && next[1] === range[1]) return;
  range = next;
  busy = true;
  for (const member of members) member(range);
  busy = false;
  for (const listen of listeners) listen();
}

export function joinZoom(member: (range: Range) => void): () => void {
  members.add(member);
  return () => members.delete(member);
}

export function onZoom(listen: () => void): () => void {
  listeners.add(listen);
  return () => listeners.delete(listen);
}
