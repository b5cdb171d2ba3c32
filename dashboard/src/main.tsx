import "./locale.ts"; // first: uPlot asks for the language when it loads
import { render } from "preact";
import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/charts.css";
import { decodeData } from "./data/decode.ts";
import { readPage } from "./data/page.ts";
import { startLive } from "./live.ts";
import { onDraw, startStore, state } from "./store.ts";
import { startTheme } from "./theme.ts";
import { App } from "./ui/app.tsx";

async function start(): Promise<void> {
  startTheme();
  startStore();
  const root = document.getElementById("app")!;
  const draw = () => render(<App rev={state.rev} />, root);
  onDraw(draw);
  state.token = document.querySelector<HTMLMetaElement>('meta[name="plimsoll-token"]')?.content ?? "";
  const embedded = document.getElementById("run-data")?.textContent?.trim() ?? "";
  if (!embedded) {
    draw();
    startLive();
    return;
  }
  state.link = "report";
  try {
    state.data = readPage(await decodeData(embedded));
  } catch (e) {
    state.error = `The data in this report cannot be read: ${e instanceof Error ? e.message : String(e)}.`;
  }
  draw();
  document.documentElement.dataset["ready"] = "yes";
}

void start();
