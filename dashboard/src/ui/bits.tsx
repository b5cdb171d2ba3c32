// Small pieces that views share.
import { Component, type ComponentChildren } from "preact";
import { NONE, own, value, type Unit } from "../format.ts";

/** The Plimsoll mark: a ship's load line. */
export function Mark() {
  return (
    <svg class="mark" width="26" height="26" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2.2" aria-hidden="true">
      <circle cx="12" cy="12" r="7.4" />
      <path d="M1 12h22" />
    </svg>
  );
}

const glyphs: Record<string, string> = { ok: "✓", bad: "✕", unknown: "?", info: "i", notice: "›", warning: "!" };

export function Glyph({ kind }: { kind: string }) {
  return <span class={`glyph ${kind}`} aria-hidden="true">{own(glyphs, kind) ?? "·"}</span>;
}

/** A figure that tests can find: its key, its exact value, its text. */
export function Cell({ k, v, unit, children }: { k: string; v: number | null; unit: Unit; children?: ComponentChildren }) {
  return (
    <td class="num" data-key={k} data-value={v ?? ""}>
      {v === null ? <span class="none">{NONE}</span> : value(v, unit)}
      {children}
    </td>
  );
}

export function Section({ id, title, note, children, tools }: {
  id: string; title: string; note?: string; children: ComponentChildren; tools?: ComponentChildren;
}) {
  return (
    <section class="section" id={id} aria-labelledby={`${id}-h`} tabIndex={-1}>
      <header>
        <h2 id={`${id}-h`}>{title}</h2>
        {note && <p class="note">{note}</p>}
        <span class="grow" />
        {tools}
      </header>
      {children}
    </section>
  );
}

export function Scroll({ label, children, tall }: { label: string; children: ComponentChildren; tall?: boolean }) {
  return <div class={`scroll${tall ? " tall" : ""}`} tabIndex={0} role="region" aria-label={`${label}, table`}>{children}</div>;
}

export function Select({ label, value: chosen, options, set }: {
  label: string; value: string; options: [string, string][]; set(v: string): void;
}) {
  return (
    <label class="select">
      <span>{label}</span>
      <select value={chosen} onChange={(e) => set(e.currentTarget.value)}>
        {options.map(([v, text]) => <option key={v} value={v} selected={v === chosen}>{text}</option>)}
      </select>
    </label>
  );
}

/** The stages as a filter; nothing when there is only one. */
export function StageSelect({ stages, value: chosen, set, all = true }: {
  stages: [number, string][]; value: string; set(v: string): void; all?: boolean;
}) {
  if (stages.length < 2) return null;
  const options: [string, string][] = stages.map(([i, label]) => [String(i), label]);
  if (all) options.unshift(["all", "all stages"]);
  return <Select label="Stage" value={chosen} options={options} set={set} />;
}

/** One view that cannot draw its data must not take the others with it. */
export class Guard extends Component<{ children: ComponentChildren }, { broken: string | null }> {
  override state = { broken: null as string | null };
  override componentDidCatch(e: unknown): void {
    this.setState({ broken: e instanceof Error ? e.message : String(e) });
  }
  override render() {
    return this.state.broken === null ? this.props.children : <p class="note">This part cannot be drawn: {this.state.broken}</p>;
  }
}
