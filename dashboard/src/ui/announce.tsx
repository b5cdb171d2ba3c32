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
};

export function Announcer() {
  const was = useRef({ link: "" as string, run: "" });
  const run = state.data?.run.state ?? "";
  useEffect(() => {
    const before = was.current;
    if (before.link !== state.link && links[state.link] && !(before.link === "" && state.link === "open")) {
      message = links[state.link]!;
      changedNow();
    } else if (before.run && run && before.run !== run) {
      const verdict = state.data?.verdict;
      message = `The run is now ${run}${verdict ? `; verdict: ${verdict.result}` : ""}`;
      changedNow();
    }
    was.current = { link: state.link, run };
  });
  return <p class="toast" role="status" aria-live="polite">{message}</p>;
}
