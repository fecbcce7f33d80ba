/** `npm run examples`: a gateway that lets the examples' pages call, and the pages. What the gateway is told goes on to it. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "../../gateway/build-if-stale.mjs";

const PORT = 5173;

const log = (text) => console.error(`examples: ${text}`);
await ensureInstalled({ log });
await ensureBuilt({ log, wanted: ["client", "gateway"] });
const { serveExamples } = await import("./serve.mjs");
const pages = await serveExamples(PORT);
const gateway = spawn(
  process.execPath,
  [join(root, "gateway/start.mjs"), "--allow-origin", pages.address, ...process.argv.slice(2)],
  { stdio: "inherit", env: { ...process.env, UV_THREADPOOL_SIZE: "16" } },
);
console.log(`examples: ${pages.address}`);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => gateway.kill(signal));
gateway.once("exit", (code) => {
  process.exitCode = code ?? 0;
  void pages.close();
});
