// The first screen: the verdict and its reasons, what the run means in words, the main figures, the thresholds.
import type { Diagnosis, PageData, Threshold, Tile } from "../data/page.ts";
import { own, plain, plural, value } from "../format.ts";
import { Glyph, Scroll, Section } from "./bits.tsx";
import { VerdictBadge } from "./header.tsx";

export function Banner({ data }: { data: PageData }) {
  const text = data.banner ?? (data.run.state === "partial" ? `This run is partial${data.run.partial_reason ? `: ${data.run.partial_reason}` : ""}.` : null);
  if (!text) return null;
  return (
    <div class="banner" role="note" data-key="banner">
      <span aria-hidden="true">▲</span>
      <p><strong>Read with care.</strong> {text}</p>
    </div>
  );
}

function Finding({ d }: { d: Diagnosis }) {
  const severity = ["info", "notice", "warning"].includes(d.severity) ? d.severity : "info";
  return (
    <li class={`finding ${severity}`}>
      <Glyph kind={severity} />
      <div>
        <p><span class="sr">{severity}: </span>{d.sentence}</p>
        {d.evidence.length > 0 && (
          <details>
            <summary>Evidence<span class="sr"> for: {d.sentence}</span></summary>
            <ul>{d.evidence.map((e) => <li>{e}</li>)}</ul>
          </details>
        )}
      </div>
    </li>
  );
}

const statusText: Record<string, string> = { ok: "holds", bad: "broken", unknown: "too few samples" };

function TileBox({ t }: { t: Tile }) {
  return (
    <li class={`tile ${t.status ?? ""}`}>
      <span class="label">{t.label || t.id}</span>
      <span class="value" data-key={`tiles.${t.id}`} data-value={t.value ?? ""}>{t.text || value(t.value, t.unit)}</span>
      <span class="under">
        {t.status && <span class={`state ${t.status}`}><Glyph kind={t.status} /> {own(statusText, t.status) ?? t.status}</span>}
        {t.note && <span>{t.note}</span>}
      </span>
    </li>
  );
}

export const Tiles = ({ tiles }: { tiles: Tile[] }) =>
  tiles.length > 0 ? <ul class="tiles" aria-label="Main figures">{tiles.map((t) => <TileBox key={t.id} t={t} />)}</ul> : null;

const outcome = (t: Threshold): [string, string] =>
  !t.enough ? ["unknown", "too few samples"] : t.ok === null ? ["unknown", "not known"] : t.ok ? ["ok", "holds"] : ["bad", "broken"];

export function Thresholds({ thresholds }: { thresholds: Threshold[] }) {
  if (thresholds.length === 0) return null;
  const broken = thresholds.filter((t) => t.enough && t.ok === false).length;
  return (
    <Section id="thresholds" title="Thresholds" note={broken > 0 ? `${broken} of ${thresholds.length} broken` : plural(thresholds.length, "rule")}>
      <Scroll label="Thresholds">
        <table>
          <thead><tr><th scope="col">Result</th><th scope="col">Rule</th><th scope="col">Where</th><th scope="col" class="num">Value</th><th scope="col" class="num">Limit</th><th scope="col" class="num">Samples</th></tr></thead>
          <tbody>
            {thresholds.map((t, i) => {
              const [kind, text] = outcome(t);
              return (
                <tr key={i} title={t.text || undefined}>
                  <td class={`state ${kind}`}><Glyph kind={kind} /> {text}</td>
                  <th scope="row"><code>{t.rule || "–"}</code></th>
                  <td>{t.scope ?? "all"}</td>
                  <td class="num" data-key={`thresholds.${i}`} data-value={t.value ?? ""}><strong>{value(t.value, t.unit)}</strong></td>
                  <td class="num">{value(t.limit, t.unit)}</td>
                  <td class="num">{plain(t.samples)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </Section>
  );
}

export function Overview({ data }: { data: PageData }) {
  const verdict = data.verdict;
  const order: Record<string, number> = { warning: 0, notice: 1, info: 2 };
  const findings = data.diagnosis.toSorted((a, b) => (own(order, a.severity) ?? 3) - (own(order, b.severity) ?? 3));
  return (
    <section class="overview" id="overview" aria-label="Overview" tabIndex={-1}>
      <Tiles tiles={data.tiles} />
      {(verdict || findings.length > 0) && (
        <div class="findings panel">
          {verdict && (
            <div class="verdict">
              <VerdictBadge result={verdict.result} />
              {verdict.reasons.length > 0 && <ul>{verdict.reasons.map((r) => <li>{r}</li>)}</ul>}
            </div>
          )}
          {findings.length > 0 && (
            <div>
              <h2>What it means</h2>
              <ul>{findings.map((d, i) => <Finding key={`${d.kind}${i}`} d={d} />)}</ul>
            </div>
          )}
        </div>
      )}
      {data.warnings.length > 0 && (
        <details class="panel warnings" open={data.warnings.length <= 4}>
          <summary><Glyph kind="warning" /> {plural(data.warnings.length, "warning")}</summary>
          <ul>{data.warnings.map((w) => <li>{w}</li>)}</ul>
        </details>
      )}
    </section>
  );
}
