// Requests by name, and what was measured within streams.
import { useState } from "preact/hooks";
import { distinct, stageLabel } from "../data/derive.ts";
import type { PageData, Request, Stream } from "../data/page.ts";
import { NONE, share, value } from "../format.ts";
import { Cell, Section, StageSelect } from "./bits.tsx";
import { SortTable, type Col } from "./table.tsx";

const stagesOf = (data: PageData, rows: { stage: number }[]): [number, string][] =>
  distinct(rows.map((r) => r.stage)).map((s) => [s, stageLabel(data, s)]);

const pick = <R extends { stage: number }>(rows: R[], stage: string): R[] =>
  stage === "all" ? rows : rows.filter((r) => String(r.stage) === stage);

function Interval({ pair }: { pair: [number, number] | null }) {
  if (!pair) return null;
  return <small title="95 % interval">{value(pair[0], "ms")} – {value(pair[1], "ms")}</small>;
}

export function Requests({ data }: { data: PageData }) {
  const [stage, setStage] = useState("all");
  const [find, setFind] = useState("");
  if (data.requests.length === 0) return null;
  const stages = stagesOf(data, data.requests);
  const many = distinct(data.requests.map((r) => r.name)).length > 8;
  const rows = pick(data.requests, stage).filter((r) => r.name.toLowerCase().includes(find.toLowerCase()));
  const key = (r: Request, field: string) => `requests.${r.stage}.${r.name}.${field}`;
  const num = (field: "count" | "ok" | "rate_rps" | "throughput_rps" | "mean" | "min" | "max" | "p50" | "p90" | "p95" | "p99", label: string, unit: string, title?: string): Col<Request> => ({
    key: field, label, num: true, ...(title ? { title } : {}), by: (r) => r[field], cell: (r) => (
      <Cell k={key(r, field)} v={r[field]} unit={unit}>
        {field === "p50" && <Interval pair={r.p50_interval} />}
        {field === "p95" && <Interval pair={r.p95_interval} />}
        {field === "p99" && <Interval pair={r.p99_interval} />}
        {field === "p99" && r.p99 !== null && r.p99_trustworthy === false && <small class="few">few samples</small>}
      </Cell>
    ),
  });
  const cols: Col<Request>[] = [
    { key: "name", label: "Request", by: (r) => r.name, cell: (r) => <th scope="row" class={r.name === "all" ? "all" : ""}>{r.name || NONE}</th> },
    num("count", "Count", "count"),
    {
      key: "failed", label: "Failed", num: true, by: (r) => r.failed, cell: (r) => (
        <Cell k={key(r, "failed")} v={r.failed} unit="count">
          {r.failed > 0 && <small class="bad">✕ {share(r.failed / Math.max(1, r.count))}</small>}
        </Cell>
      ),
    },
    num("throughput_rps", "Ok/s", "per_second", "Successful requests per second"),
    num("rate_rps", "Sent/s", "per_second", "Requests sent per second"),
    num("mean", "Mean", "ms"), num("min", "Min", "ms"), num("p50", "p50", "ms"), num("p90", "p90", "ms"),
    num("p95", "p95", "ms"), num("p99", "p99", "ms"), num("max", "Max", "ms"),
  ];
  if (stages.length > 1) {
    cols.unshift({ key: "stage", label: "Stage", by: (r) => r.stage, cell: (r) => <td>{stageLabel(data, r.stage)}</td> });
  }
  return (
    <Section id="requests" title="Requests" note="Response times; 95 % intervals below"
      tools={
        <>
          {many && (
            <label class="select"><span>Name</span>
              <input type="search" value={find} onInput={(e) => setFind(e.currentTarget.value)} />
            </label>
          )}
          <StageSelect stages={stages} value={stage} set={setStage} />
        </>
      }>
      <SortTable label="Requests by name" rows={rows} cols={cols} rowKey={(r) => `${r.stage} ${r.name}`} />
    </Section>
  );
}

export function Streams({ data }: { data: PageData }) {
  const [stage, setStage] = useState("all");
  if (data.streams.length === 0) return null;
  const stages = stagesOf(data, data.streams);
  const rows = pick(data.streams, stage);
  const num = (field: "count" | "mean" | "p50" | "p90" | "p95" | "p99" | "max", label: string): Col<Stream> => ({
    key: field, label, num: true, by: (r) => r[field],
    cell: (r) => <Cell k={`streams.${r.stage}.${r.name}.${r.metric}.${field}`} v={r[field]} unit={field === "count" ? "count" : r.unit} />,
  });
  const cols: Col<Stream>[] = [
    { key: "metric", label: "Measured", by: (r) => r.label || r.metric, cell: (r) => <th scope="row">{r.label || r.metric}</th> },
    { key: "name", label: "Request", by: (r) => r.name, cell: (r) => <td>{r.name}</td> },
    num("count", "Count"), num("mean", "Mean"), num("p50", "p50"), num("p90", "p90"), num("p95", "p95"), num("p99", "p99"), num("max", "Max"),
  ];
  if (stages.length > 1) {
    cols.unshift({ key: "stage", label: "Stage", by: (r) => r.stage, cell: (r) => <td>{stageLabel(data, r.stage)}</td> });
  }
  return (
    <Section id="streams" title="Streams and tokens" tools={<StageSelect stages={stages} value={stage} set={setStage} />}>
      <SortTable label="Streams and tokens" rows={rows} cols={cols} rowKey={(r) => `${r.stage} ${r.name} ${r.metric}`} />
    </Section>
  );
}
