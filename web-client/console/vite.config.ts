import { join } from "node:path";
import { defineConfig } from "vite";
import { precache } from "./precache.ts";

const here = import.meta.dirname;

/**
 * The console page, as the gateway serves it at `/`. The page and its service worker have fixed names, everything else
 * is named by its content and may be cached for ever. Nothing is inlined: the page's policy allows no `data:` URLs.
 */
export default defineConfig({
  root: here,
  base: "/",
  plugins: [precache()],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  worker: { format: "es" },
  build: {
    outDir: join(here, "dist"),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: {
      input: { console: join(here, "index.html"), "service-worker": join(here, "service-worker.ts") },
      output: {
        entryFileNames: ({ name }) => (name === "service-worker" ? "[name].js" : "assets/[name]-[hash].js"),
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
      },
    },
  },
});
