/** Bundles the worker for Cloudflare's runtime: one module, and `engine.wasm` beside it. */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "vite";

/** Writes `<outDir>/worker.js` and `<outDir>/engine.wasm`. */
export async function bundleWorker({ root, outDir }) {
  const here = join(root, "test/runtimes/worker");
  await build({
    configFile: false,
    root,
    logLevel: "warn",
    // The contract of stores is a suite for vitest, which this runtime cannot run.
    resolve: { alias: [{ find: /^vitest$/, replacement: join(here, "vitest-here.ts") }] },
    build: {
      target: "es2022",
      outDir,
      emptyOutDir: true,
      minify: false,
      reportCompressedSize: false,
      lib: { entry: join(here, "worker.ts"), formats: ["es"], fileName: () => "worker.js" },
      rolldownOptions: { external: ["engine.wasm"] },
    },
  });
  await copyFile(join(root, "build/engine.wasm"), join(outDir, "engine.wasm"));
}
