/**
 * `npm run sim`: sets itself up as `npm start` does, bundles the simulator and runs `cli/main.ts`. Node's built-ins only
 * until everything is installed.
 */
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, isStale, root } from "../../gateway/build-if-stale.mjs";

const outDir = join(root, "build/sim");
const log = (text) => console.error(`sim: ${text}`);

try {
  await ensureInstalled({ log });
  await ensureBuilt({ log, wanted: ["engine"] });
  const { bundleSimulator, SOURCES } = await import("./cli/bundle.mjs");
  const outputs = ["build/sim/main.js", "build/sim/worker.js"];
  if (isStale({ sources: SOURCES, outputs })) {
    rmSync(outDir, { recursive: true, force: true });
    await bundleSimulator({ root, outDir, entries: ["main", "worker"] });
  }
  process.exitCode = await run([join(outDir, "main.js"), ...process.argv.slice(2)]);
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}

function run(args) {
  const child = spawn(process.execPath, ["--enable-source-maps", ...args], { cwd: root, stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}
