/**
 * `npm run fuzz`: sets itself up as `npm start` does, bundles the fuzzer and runs `cli/main.ts`. Node's built-ins only until
 * everything is installed.
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "../../gateway/build-if-stale.mjs";

const log = (text) => console.error(`fuzz: ${text}`);

try {
  await ensureInstalled({ log });
  await ensureBuilt({ log, wanted: ["engine", "debug engine"] });
  const { build } = await import("vite");
  const entry = (name) => join(root, `test/fuzz/cli/${name}.ts`);
  // From there the bundle finds engine.wasm as the sources do. One for each run: several may go on at a time.
  const outDir = join(root, `build/fuzz-${process.pid}`);
  await build({
    configFile: false,
    root,
    logLevel: "warn",
    build: {
      ssr: true,
      target: "node20",
      outDir,
      minify: false,
      sourcemap: true,
      reportCompressedSize: false,
      rolldownOptions: {
        input: { main: entry("main"), worker: entry("worker") },
        output: { entryFileNames: "[name].js", chunkFileNames: "shared-[name].js" },
      },
    },
  });
  process.exitCode = await run(["--enable-source-maps", join(outDir, "main.js"), ...process.argv.slice(2)]);
  rmSync(outDir, { recursive: true, force: true });
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

function run(args) {
  const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}
