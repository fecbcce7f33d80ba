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
];

/** Runs in a browser tab. */
const page = "tab-sync/page";

/** A bench, not a deployment: nothing is made smaller, and no log. */
const shared = { configFile: false, root: bench, logLevel: "warn" };

/**
 * Writes `<outDir>/<entry>.js` for each entry; packages stay outside and are found in the project's node_modules. The
 * page's bundle, with everything inside, goes to `<outDir>/page/page.js`.
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
  await build({
    ...shared,
    build: {
      target: "es2022",
      emptyOutDir: true,
      outDir: join(outDir, "page"),
      minify: false,
      rolldownOptions: {
        input: join(bench, `${page}.ts`),
        output: { entryFileNames: "page.js" },
      },
    },
  });
}
