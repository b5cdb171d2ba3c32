// Numbers as people read them: about three significant digits, a unit, an en dash for what is not known.

export type Unit = "ms" | "per_second" | "share" | "count" | "tokens_per_second" | (string & {});

export const NONE = "–";

/** A table's entry, if the key is its own: keys come from the data, and "constructor" is a key of any object. */
export const own = <T>(table: Record<string, T>, key: string): T | undefined =>
  Object.hasOwn(table, key) ? table[key] : undefined;

const formats = new Map<string, Intl.NumberFormat>();
function fixed(x: number, digits: number): string {
  const key = String(digits);
  let f = formats.get(key);
  if (!f) {
    f = new Intl.NumberFormat("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    formats.set(key, f);
  }
  return f.format(x);
}

/** Three significant digits, all digits of a whole number up to 99,999. */
export function plain(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return NONE;
  const a = Math.abs(x);
  if (a === 0) return "0";
  if (a >= 1e9) return `${fixed(x / 1e9, 2)}G`;
  if (a >= 1e6) return `${fixed(x / 1e6, 2)}M`;
  if (Number.isInteger(x) || a >= 1000) return fixed(Math.round(x), 0);
  if (a >= 100) return fixed(x, 1).replace(/\.0$/, "");
  if (a >= 10) return fixed(x, 1);
  if (a >= 1) return fixed(x, 2);
  if (a >= 0.01) return fixed(x, 3);
  return x.toPrecision(2);
}

export function ms(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return NONE;
  const a = Math.abs(x);
  if (a >= 600_000) return `${fixed(x / 60_000, 1)} min`;
  if (a >= 10_000) return `${fixed(x / 1000, 1)} s`;
  if (a >= 1000) return `${fixed(x / 1000, 2)} s`;
  if (a > 0 && a < 0.1) return `${fixed(x * 1000, a < 0.01 ? 1 : 0)} µs`;
  return `${plain(x)} ms`;
}

export function share(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return NONE;
  const p = x * 100;
  const a = Math.abs(p);
  return `${a === 0 ? "0" : a >= 99.995 && a < 100 ? p.toPrecision(5) : a >= 10 ? fixed(p, 1) : a >= 0.01 ? fixed(p, 2) : p.toPrecision(1)} %`;
}

/** A change as people say it: +12.3 %. */
export function change(x: number | null | undefined): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return NONE;
  const p = Math.round(x * 1000) / 10;
  return `${p > 0 ? "+" : p < 0 ? "−" : "±"}${fixed(Math.abs(p), 1)} %`;
}

export function value(x: number | null | undefined, unit: Unit): string {
  if (x === null || x === undefined || !Number.isFinite(x)) return NONE;
  switch (unit) {
    case "ms": return ms(x);
    case "share": return share(x);
    case "per_second": return `${plain(x)}/s`;
    case "tokens_per_second": return `${plain(x)} tok/s`;
    case "count": case "": return plain(x);
    default: return `${plain(x)} ${unit}`;
  }
}

/** For an axis: short, without trailing zeros. */
export function tick(x: number, unit: Unit): string {
  const short = (y: number): string => String(Number(y.toPrecision(3)));
  const big = (y: number): string => {
    const a = Math.abs(y);
    return a >= 1e6 ? `${short(y / 1e6)}M` : a >= 10_000 ? `${short(y / 1000)}k` : short(y);
  };
  switch (unit) {
    case "ms": return Math.abs(x) >= 1000 ? `${short(x / 1000)} s` : `${short(x)} ms`;
    case "share": return `${short(x * 100)} %`;
    case "per_second": return `${big(x)}/s`;
    default: return big(x);
  }
}

/** Time since the run's start: 0:05, 12:30, 1:02:03. */
export function clock(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return NONE;
  const whole = Math.floor(Math.abs(seconds));
  const sign = seconds < 0 ? "−" : "";
  const two = (x: number) => String(x).padStart(2, "0");
  const h = Math.floor(whole / 3600);
  const m = Math.floor((whole % 3600) / 60);
  return sign + (h > 0 ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`);
}

export function duration(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return NONE;
  if (seconds < 60) return `${plain(Math.round(seconds * 10) / 10)} s`;
  const m = Math.floor(seconds / 60);
  const s = Math.round(seconds % 60);
  return m < 60 ? `${m} min${s ? ` ${s} s` : ""}` : `${Math.floor(m / 60)} h ${m % 60} min`;
}

/** A moment in the reader's own time zone. */
export function moment(rfc3339: string | null): string {
  if (!rfc3339) return NONE;
  const date = new Date(rfc3339);
  if (Number.isNaN(date.getTime())) return rfc3339;
  return new Intl.DateTimeFormat(navigator.language, { dateStyle: "medium", timeStyle: "medium" }).format(date);
}

export const plural = (n: number, one: string, many = `${one}s`): string => `${plain(n)} ${n === 1 ? one : many}`;

/** first_token -> First token */
export function words(key: string): string {
  const known = own({ ttft: "Time to first token", itl: "Time between tokens", tpot: "Time per token" }, key);
  if (known) return known;
  const s = key.replace(/[_\s]+/g, " ").trim();
  return s ? s[0]!.toUpperCase() + s.slice(1) : key;
}
