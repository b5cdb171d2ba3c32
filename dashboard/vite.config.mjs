import { defineConfig } from "vite";

// The page is one file: a report must open from a disk or a mail without anything beside it.
function inline() {
  return {
    name: "plimsoll-inline",
    apply: "build",
    enforce: "post",
    generateBundle(_options, bundle) {
      const page = bundle["index.html"];
      let html = String(page.source);
      for (const [name, item] of Object.entries(bundle)) {
        if (item.type === "chunk") {
          // A closing tag inside a string would end the element early.
          const code = item.code.trim().replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
          html = html.replace(/<script type="module"[^>]*><\/script>/, () => `<script type="module">${code}</script>`);
        } else if (name.endsWith(".css")) {
          const css = String(item.source).trim();
          html = html.replace(/<link rel="stylesheet"[^>]*>/, () => `<style>${css}</style>`);
        } else {
          continue;
        }
        delete bundle[name];
      }
      if (Object.keys(bundle).length !== 1 || /<script[^>]* src=|<link[^>]*stylesheet/.test(html)) {
        throw new Error(`not a single file: ${Object.keys(bundle).join(", ")}`);
      }
      page.source = html;
    },
  };
}

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: ["chrome123", "firefox121", "safari17.5"], // light-dark() and DecompressionStream
    modulePreload: false,
    cssCodeSplit: false,
    assetsInlineLimit: Infinity,
    reportCompressedSize: false,
  },
  plugins: [inline()],
});
