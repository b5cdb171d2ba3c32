// A Chromium to drive: the system's own if there is one, else the one that npm installed here.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { chromium as driver } from "playwright-core";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

function onPath() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  for (const dir of (process.env.PATH ?? "").split(delimiter)) {
    for (const name of NAMES) {
      try {
        accessSync(join(dir, name), constants.X_OK);
        return join(dir, name);
      } catch {
        // not here
      }
    }
  }
  return null;
}

// Without a sandbox, since CI containers run as root; only our own pages are opened.
const start = (executablePath) =>
  driver.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });

export async function launch() {
  const system = onPath();
  if (system) return start(system);
  const { default: bundled } = await import("@sparticuz/chromium");
  // Its first use unpacks it: another process may be doing so right now.
  for (let left = 8; ; left--) {
    try {
      return await start(await bundled.executablePath());
    } catch (e) {
      if (left === 0) throw e;
      await new Promise((done) => setTimeout(done, 1500));
    }
  }
}
