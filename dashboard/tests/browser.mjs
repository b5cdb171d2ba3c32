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

export async function launch() {
  const executablePath = onPath() ?? (await (await import("@sparticuz/chromium")).default.executablePath());
  // Without a sandbox, since CI containers run as root; only our own pages are opened.
  return driver.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"] });
}
