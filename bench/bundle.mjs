/** Bundles the TypeScript benches for Node, which cannot run them as they are: entry points keep their relative paths. */
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const bench = dirname(fileURLToPath(import.meta.url));

/** Each runs in a process of its own. */
const entries = [
  "main",
  "fan-out/audience",
  "fan-out/peers/bare-uws",
  "fan-out/peers/socket-io",
  "fan-out/peers/ws-framed",
  "fan-out/peers/ws-plain",
  "many/crowd",
  "produce/load-generator",
  "render/socket-io",
];

/** Benches that have a page that runs in a browser's tab. */
const pages = ["tab-sync", "on-device", "render", "sdk-start"];

const shared = { configFile: false, root: bench, logLevel: "warn" };

/**
 * Writes `<outDir>/<entry>.js` for each entry; packages stay outside and are found in the project's node_modules. The
 * bundle of each page, with everything inside and made small as an app's would be, goes to `<outDir>/page/<bench>/page.js`.
 */
export async function bundleBenches(outDir) {
  await build({
    ...shared,
    build: {
      ssr: true,
      target: "node20",
      outDir,
      emptyOutDir: true,
      minify: false,
      rolldownOptions: {
        input: Object.fromEntries(entries.map((entry) => [entry, join(bench, `${entry}.ts`)])),
        output: { entryFileNames: "[name].js", chunkFileNames: "shared/[name].js" },
      },
    },
  });
  for (const page of pages) {
    await build({
      ...shared,
      worker: { format: "es" },
      build: {
        target: "es2022",
        emptyOutDir: true,
        outDir: join(outDir, "page", page),
        rolldownOptions: {
          input: join(bench, page, "page.ts"),
          output: { entryFileNames: "page.js" },
        },
      },
    });
  }
}
