// node check.mjs --url URL | --file report.html [--screenshot out.png] [--theme light|dark|both] [--expect file.json]
//                [--width 1440] [--no-axe] [--wait SELECTOR] [--allow TEXT]
// Opens the page, fails on console errors, page errors, policy violations and accessibility violations, compares figures.
// Prints one JSON object; exit code 0 when nothing is wrong, 1 when something is, 2 when it could not look.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { launch } from "./browser.mjs";
import { axe, differences, figures, open, theme } from "./inspect.mjs";

async function main() {
  const { values: o } = parseArgs({
    options: {
      url: { type: "string" }, file: { type: "string" }, screenshot: { type: "string" }, theme: { type: "string", default: "both" },
      expect: { type: "string" }, width: { type: "string", default: "1440" }, "no-axe": { type: "boolean", default: false },
      wait: { type: "string" }, allow: { type: "string", multiple: true, default: [] },
    },
  });
  const url = o.url ?? (o.file ? pathToFileURL(resolve(o.file)).href : null);
  if (!url) throw new Error("give --url or --file");
  const expected = o.expect ? JSON.parse(readFileSync(o.expect, "utf8")) : {};
  const themes = o.theme === "both" ? ["light", "dark"] : [o.theme];
  const browser = await launch();
  try {
    const view = await open(browser, url, { width: Number(o.width), allow: o.allow });
    if (o.wait) await view.page.waitForSelector(o.wait, { timeout: 15_000 });
    const problems = view.problems;
    const accessible = {};
    for (const name of themes) {
      await theme(view.page, name);
      if (!o["no-axe"]) {
        const found = await axe(view.page);
        accessible[name] = { passes: found.passes, violations: found.violations.length };
        for (const v of found.violations) problems.push(`axe, ${name}: ${v.id}: ${v.help} (${v.nodes.join(" | ")})`);
      }
      if (o.screenshot) {
        const path = themes.length > 1 ? o.screenshot.replace(/(\.png)?$/, `-${name}.png`) : o.screenshot;
        await view.page.screenshot({ path, fullPage: true });
      }
    }
    const shown = await figures(view.page);
    problems.push(...differences(shown, expected));
    for (const v of await view.violations()) problems.push(`policy: ${v}`);
    const title = await view.page.title();
    const result = { ok: problems.length === 0, url, title, browser: browser.version(), figures: Object.keys(shown).length, compared: Object.keys(expected).length, axe: accessible, problems };
    console.log(JSON.stringify(result, null, 1));
    return result.ok ? 0 : 1;
  } finally {
    await browser.close();
  }
}

main().then((code) => { process.exitCode = code; }, (e) => {
  console.log(JSON.stringify({ ok: false, problems: [String(e?.message ?? e)] }));
  process.exitCode = 2;
});
