// What failed, how often, and an example of each.
import { stageLabel } from "../data/derive.ts";
import type { ErrorRow, PageData } from "../data/page.ts";
import { clock, words } from "../format.ts";
import { Cell, Section } from "./bits.tsx";
import { SortTable, type Col } from "./table.tsx";

export function Errors({ data }: { data: PageData }) {
  if (data.errors.length === 0) return null;
  const cols: Col<ErrorRow>[] = [
    { key: "class", label: "Class", by: (e) => e.class, cell: (e) => <th scope="row"><span class="bad" aria-hidden="true">✕ </span>{words(e.class)}</th> },
    { key: "count", num: true, label: "Count", by: (e) => e.count, cell: (e) => <Cell k={`errors.${e.stage}.${e.name ?? "*"}.${e.class}.count`} v={e.count} unit="count" /> },
    { key: "stage", label: "Stage", by: (e) => e.stage, cell: (e) => <td>{stageLabel(data, e.stage)}</td> },
    { key: "name", label: "Request", by: (e) => e.name, cell: (e) => <td>{e.name ?? "any"}</td> },
    { key: "first", num: true, label: "First", by: (e) => e.first_s, cell: (e) => <td class="num">{clock(e.first_s)}</td> },
    { key: "last", num: true, label: "Last", by: (e) => e.last_s, cell: (e) => <td class="num">{clock(e.last_s)}</td> },
    { key: "example", label: "Example", by: (e) => e.example, cell: (e) => <td class="example"><code>{e.example}</code></td> },
  ];
  return (
    <Section id="errors" title="Failures">
      <SortTable label="Failures" rows={data.errors} cols={cols} rowKey={(e, i) => `${e.stage} ${e.name} ${e.class} ${i}`} />
    </Section>
  );
}
