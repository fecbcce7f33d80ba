/**
 * `npm start`: installs, builds and runs the gateway, each only when needed. Node's built-ins only, since it runs before
 * anything is installed. The gateway runs in this process, so that signals reach it.
 *
 * Two things can only be had in a new process, and then this file runs itself again there: a Node that the uWebSockets
 * binary is built for, and libuv's pool of 16 threads (a module's loading has already made the pool when code first runs,
 * so `npm start` sets the variable before Node begins).
 */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ensureBuilt, ensureInstalled, root } from "./build-if-stale.mjs";
import { neededNode, RERUN } from "./needed-node.mjs";

const POOL_THREADS = "16";

const log = (text) => console.error(`rivulet: ${text}`);

try {
  await ensureInstalled({ log });
  const needed = neededNode({ log });
  if (needed !== undefined) await runAgain(needed);
  else if (process.env.UV_THREADPOOL_SIZE === undefined) await runAgain(process.execPath);
  else {
    stopWithParent();
    await ensureBuilt({ log, wanted: ["gateway"] });
    await import(pathToFileURL(join(root, "gateway/dist/rivulet.js")).href);
  }
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

/** Runs this file in a new process, hands it our signals, and ends as it ends. */
function runAgain(node) {
  const env = {
    ...process.env,
    UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? POOL_THREADS,
    [RERUN]: "1",
  };
  const args = [fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  // A process group of its own: a terminal would signal both of us, and the gateway would hear it twice.
  const child = spawn(node, args, { stdio: ["inherit", "inherit", "inherit", "ipc"], env, detached: true });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  return new Promise((_resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => process.exit(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}

/** A process that was run again must not outlive the one that runs it: the channel between them breaks when that ends. */
function stopWithParent() {
  if (process.env[RERUN] === undefined || process.channel === undefined) return;
  process.channel.unref();
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
}
