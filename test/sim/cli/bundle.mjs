/** Bundles the simulator for Node, which cannot run TypeScript as it is. Plain JavaScript, because the runner starts with it. */
import { join } from "node:path";
import { build } from "vite";

/** What a bundle is made of: when one of them is newer, it is stale. */
export const SOURCES = [
  "wire",
  "log",
  "sync",
  "gateway",
  "web-client",
  "test/sim",
  "test/engine",
  "bench/machine.ts",
  "engine-as/format.ts",
  "engine-as/status.ts",
  "package-lock.json",
];

/**
 * Writes `<outDir>/<entry>.js` with a source map for each entry of `test/sim/cli`. `outDir` is a directory of `build/`: from
 * there the bundle finds `engine.wasm` as the sources do. Packages stay outside, in the project's node_modules. Leaves what
 * is in `outDir` already.
 */
export async function bundleSimulator({ root, outDir, entries, plugins = [] }) {
  await build({
    configFile: false,
    root,
    logLevel: "warn",
    plugins,
    build: {
      ssr: true,
      target: "node20",
      outDir,
      emptyOutDir: false,
      minify: false,
      sourcemap: true,
      reportCompressedSize: false,
      rolldownOptions: {
        input: Object.fromEntries(entries.map((entry) => [entry, join(root, `test/sim/cli/${entry}.ts`)])),
        output: { entryFileNames: "[name].js", chunkFileNames: "shared-[name].js" },
      },
    },
  });
}
