// The generator's own health, and what the server says of itself.
import { Chart } from "../charts/chart.tsx";
import { look } from "../charts/marks.ts";
import { stageLabel } from "../data/derive.ts";
import type { Health as Row, PageData } from "../data/page.ts";
import { hasValues } from "../data/series.ts";
import { plain } from "../format.ts";
import { Cell, Glyph, Scroll, Section } from "./bits.tsx";
import { line, timeMarks, timeSpec } from "./timecharts.tsx";

export function Health({ data, rev }: { data: PageData; rev: number }) {
  const s = data.series;
  const lag = Object.keys(s.columns).filter((k) => k.startsWith("send_lag") && hasValues(s.columns[k]));
  const busy = s.columns["busy"];
  if (data.health.length === 0 && lag.length === 0 && !hasValues(busy)) return null;
  const marks = timeMarks(data);
  const key = (h: Row, f: string) => `health.${h.stage}.${f}`;
  return (
    <Section id="generator" title="Generator" note="is the load tester itself keeping up?">
      {(lag.length > 0 || hasValues(busy)) && (
        <div class="charts">
          {lag.length > 0 && (
            <Chart id="lag" title="Send lag" note="actual minus intended start" rev={rev} height={150}
              spec={timeSpec(s, marks, "ms", lag.map((k, i) => line(k, k.replace("send_lag_", ""), s.columns[k]!, i)))} />
          )}
          {hasValues(busy) && (
            <Chart id="busy" title="Busy share" note="of the generator's threads" rev={rev} height={150}
              spec={timeSpec(s, marks, "share", [{ key: "busy", label: "Busy", values: busy, look: look(2) }], { filled: true })} />
          )}
        </div>
      )}
      {data.health.length > 0 && (
        <Scroll label="Generator health by stage">
          <table>
            <thead>
              <tr>
                <th scope="col">Stage</th>
                {["Lag p50", "Lag p99", "Lag max", "Busy", "CPU/request", "Steal", "Open files", "Lost samples"].map((h) => <th scope="col" class="num" key={h}>{h}</th>)}
                <th scope="col">Limits reached</th>
              </tr>
            </thead>
            <tbody>
              {data.health.map((h) => (
                <tr key={h.stage}>
                  <th scope="row">{stageLabel(data, h.stage)}</th>
                  <Cell k={key(h, "send_lag_p50")} v={h.send_lag_p50} unit="ms" />
                  <Cell k={key(h, "send_lag_p99")} v={h.send_lag_p99} unit="ms" />
                  <Cell k={key(h, "send_lag_max")} v={h.send_lag_max} unit="ms" />
                  <Cell k={key(h, "busy")} v={h.busy} unit="share" />
                  <Cell k={key(h, "cpu_ms_per_request")} v={h.cpu_ms_per_request} unit="ms" />
                  <Cell k={key(h, "steal")} v={h.steal} unit="share" />
                  <Cell k={key(h, "open_files")} v={h.open_files} unit="count">
                    {h.open_files_limit !== null && <small>of {plain(h.open_files_limit)}</small>}
                  </Cell>
                  <Cell k={key(h, "lost_samples")} v={h.lost_samples} unit="count" />
                  <td>{h.limits.length === 0 ? <span class="state ok"><Glyph kind="ok" /> none</span> : <span class="state bad"><Glyph kind="bad" /> {h.limits.join("; ")}</span>}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Section>
  );
}

export function Server({ data, rev }: { data: PageData; rev: number }) {
  const s = data.series;
  const metrics = Object.entries(s.server).filter(([, c]) => hasValues(c));
  if (metrics.length === 0) return null;
  const marks = timeMarks(data);
  const unit = (k: string) => (/(perc|ratio|share)$|_perc_|usage_perc/.test(k) ? "share" : "count");
  return (
    <Section id="server" title="Server" note="the target's own metrics">
      <div class="charts small">
        {metrics.map(([k, c], i) => (
          <Chart key={k} id={`srv-${i}`} title={k} rev={rev} height={130}
            spec={timeSpec(s, marks, unit(k), [{ key: k, label: "value", values: c, look: look(i) }], { filled: true, span: true })} />
        ))}
      </div>
    </Section>
  );
}
