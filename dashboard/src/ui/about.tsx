// Notes taken during the run, and what it ran on.
import type { PageData } from "../data/page.ts";
import { clock, plural } from "../format.ts";
import { Scroll, Section } from "./bits.tsx";

export function Timeline({ data }: { data: PageData }) {
  if (data.annotations.length === 0) return null;
  return (
    <Section id="notes" title="Notes" note={`${plural(data.annotations.length, "event")}; numbers are those on the charts`}>
      <Scroll label="Notes" tall>
        <table class="last">
          <thead><tr><th scope="col" class="num">No</th><th scope="col" class="num">Time</th><th scope="col">Kind</th><th scope="col">What</th></tr></thead>
          <tbody>
            {data.annotations.map((a, i) => (
              <tr key={i}><td class="num">{i + 1}</td><td class="num">{clock(a.t_s)}</td><td>{a.kind}</td><td class="wrap">{a.text}</td></tr>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}

function download(data: PageData): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(data)], { type: "application/json" }));
  link.download = "plimsoll-run.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function Environment({ data }: { data: PageData }) {
  const rows: [string, string][] = data.environment.map((e) => [e.label, e.value]);
  if (data.run.seed !== null) rows.push(["Seed", String(data.run.seed)]);
  if (data.run.directory) rows.push(["Results", data.run.directory]);
  rows.push(["Tool", data.tool]);
  return (
    <Section id="environment" title="Environment" tools={<button type="button" class="mini" onClick={() => download(data)}>Download data (JSON)</button>}>
      {data.run.command && <pre class="command" tabIndex={0} aria-label="Command"><code>{data.run.command}</code></pre>}
      <dl class="facts">
        {rows.map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}
      </dl>
    </Section>
  );
}
