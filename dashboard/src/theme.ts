// Light, dark or the system's: kept when the browser lets us keep something.
export type Theme = "auto" | "light" | "dark";

const KEY = "plimsoll-theme";
const listeners = new Set<() => void>();
let theme: Theme = "auto";

function stored(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === "light" || value === "dark" ? value : "auto";
  } catch {
    return "auto"; // a sandboxed frame or a file: storage is forbidden
  }
}

export const currentTheme = (): Theme => theme;

export function setTheme(next: Theme, keep = true): void {
  theme = next;
  document.documentElement.dataset["theme"] = next;
  if (keep) {
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // not kept, still in force
    }
  }
  for (const listen of listeners) listen();
}

export function onTheme(listen: () => void): () => void {
  listeners.add(listen);
  return () => listeners.delete(listen);
}

export function startTheme(): void {
  setTheme(stored(), false);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const listen of listeners) listen();
  });
}

let probe: HTMLElement | undefined;

/** What a CSS colour is in the present theme: a canvas cannot read light-dark(). */
export function resolve(color: string): string {
  if (!probe) {
    probe = document.createElement("span");
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = color;
  return getComputedStyle(probe).color;
}
