// Tells changes of state, and only those, to those who do not see them.
import { useEffect, useRef } from "preact/hooks";
import { changedNow, state } from "../store.ts";

let message = "";

export function say(text: string): void {
  message = text;
  changedNow();
}

const links: Record<string, string> = {
  open: "Connected: figures come once a second",
  lost: "Connection lost, trying again",
  failed: "No connection to the run, trying again",
  over: "The run is over",
};

export function Announcer() {
  const was = useRef({ link: "" as string, run: "" });
  const run = state.data?.run.state ?? "";
  useEffect(() => {
    const before = was.current;
    if (before.link !== state.link && links[state.link] && !(before.link === "" && state.link === "open")) {
      message = links[state.link]!;
      if (state.link === "over" && state.data?.verdict) message += `; verdict: ${state.data.verdict.result}`;
      changedNow();
    } else if (before.run && run && before.run !== run) {
      message = `The run is now ${run}`;
      changedNow();
    }
    was.current = { link: state.link, run };
  });
  return <p class="toast" role="status" aria-live="polite">{message}</p>;
}
