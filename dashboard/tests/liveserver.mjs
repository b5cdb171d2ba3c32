// A stand-in for the live server: plays a fixture's rows as ticks, at the test's command.
import { createServer } from "node:http";
import { withPolicy } from "./fixtures/make.mjs";

const cut = (o, from, to) => Object.fromEntries(Object.entries(o).map(([k, v]) => [k, Array.isArray(v) ? v.slice(from, to) : cut(v, from, to)]));

export function seriesCut(s, from, to) {
  return { ...cut({ t: s.t, stage: s.stage, warmup: s.warmup, columns: s.columns, errors: s.errors, names: s.names, phases: s.phases, server: s.server ?? {} }, from, to),
    step_s: s.step_s, heat: { edges_ms: s.heat.edges_ms, rows: s.heat.rows.slice(from, to) } };
}

export async function liveServer(page, data, token = "secret") {
  const full = data;
  let shown = 20;
  let over = false;
  const streams = new Set();
  const posts = [];
  const now = () => ({ ...full, live: !over, verdict: over ? full.verdict : null, run: { ...full.run, state: over ? "complete" : "running", ended_at: over ? full.run.ended_at : null }, series: seriesCut(full.series, 0, shown) });
  const html = withPolicy(page, "; connect-src 'self'").replace('name="plimsoll-token" content=""', `name="plimsoll-token" content="${token}"`);
  const server = createServer((req, res) => {
    if (req.method === "POST") {
      let body = "";
      req.on("data", (d) => { body += d; });
      req.on("end", () => { posts.push({ path: req.url, token: req.headers["x-plimsoll-token"], body }); res.end("{}"); });
    } else if (req.url === "/") {
      res.setHeader("content-type", "text/html; charset=utf-8");
      res.end(html);
    } else if (req.url === "/api/data") res.end(JSON.stringify(now()));
    else if (req.url === "/api/events") {
      res.writeHead(200, { "content-type": "text/event-stream" });
      res.write("retry: 300\n\n");
      streams.add(res);
      res.on("close", () => streams.delete(res));
    } else { res.statusCode = 404; res.end(); }
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const send = (event, value) => { for (const s of streams) s.write(`event: ${event}\ndata: ${JSON.stringify(value)}\n\n`); };
  return {
    url: `http://127.0.0.1:${server.address().port}/`, posts, streams,
    tick(n = 1, more = {}) { const from = shown; shown += n; send("tick", { append: seriesCut(full.series, from, shown), ...more }); },
    skip(n) { shown += n; },
    end() { over = true; shown = full.series.t.length; send("bye", {}); },
    drop() { for (const s of streams) s.destroy(); },
    close() { this.drop(); server.close(); server.closeAllConnections(); },
  };
}
