// What a live page can do: hold the drawing still, write a note into the run, stop it.
import { useRef, useState } from "preact/hooks";
import type { PageData } from "../data/page.ts";
import { annotate, stopRun } from "../live.ts";
import { setPaused, state } from "../store.ts";
import { say } from "./announce.tsx";

function Note() {
  const [note, setNote] = useState("");
  const [busy, setBusy] = useState(false);
  const send = async (e: Event) => {
    e.preventDefault();
    if (!note.trim() || busy) return;
    setBusy(true);
    try {
      await annotate(note.trim());
      setNote("");
      say("Note written");
    } catch (error) {
      say(`The note was not written: ${error instanceof Error ? error.message : "no answer"}`);
    }
    setBusy(false);
  };
  return (
    <form class="annotate" onSubmit={send}>
      <label>
        <span class="sr">Note for this moment</span>
        <input value={note} maxLength={200} placeholder="Note for this moment" onInput={(e) => setNote(e.currentTarget.value)} />
      </label>
      <button type="submit" disabled={busy || !note.trim()}>Add note</button>
    </form>
  );
}

function Stop() {
  const dialog = useRef<HTMLDialogElement>(null);
  const [asked, setAsked] = useState(false);
  const stop = async () => {
    dialog.current?.close();
    try {
      await stopRun();
      setAsked(true);
      say("The run was asked to stop; its results will be kept");
    } catch (error) {
      say(`The run was not stopped: ${error instanceof Error ? error.message : "no answer"}`);
    }
  };
  return (
    <>
      <button type="button" class="danger" disabled={asked} onClick={() => dialog.current?.showModal()}>
        {asked ? "Stopping…" : "Stop run"}
      </button>
      <dialog ref={dialog} aria-labelledby="stop-title">
        <h2 id="stop-title">Stop this run?</h2>
        <p>No more requests are sent. What was measured so far is kept and marked as partial.</p>
        <div class="row">
          <button type="button" onClick={() => dialog.current?.close()}>Go on running</button>
          <button type="button" class="danger" onClick={stop}>Stop run</button>
        </div>
      </dialog>
    </>
  );
}

export function LiveControls({ data }: { data: PageData }) {
  const may = state.token !== "" && data.run.state === "running";
  return (
    <>
      {may && <Note />}
      <button type="button" aria-pressed={state.paused} onClick={() => {
        setPaused(!state.paused);
        say(state.paused ? "Drawing paused; measuring goes on" : "Drawing again");
      }}>
        {state.paused ? "Resume drawing" : "Pause drawing"}
      </button>
      {may && <Stop />}
    </>
  );
}
