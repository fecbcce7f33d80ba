/**
 * Sets a clone up to run, with Node's built-ins only: installs what the lockfile says and builds what is older than its
 * sources. All output of the tools goes to stderr; stdout stays with the caller.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top of the clone. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * What is built, in order. A step is stale when one of its outputs is missing or older than the newest of its sources;
 * a source is a file, or a directory with everything below it.
 */
const steps = [
  {
    name: "engine",
    script: "build:engine",
    sources: ["engine-as", "asconfig.json"],
    outputs: ["build/engine.wasm", "build/engine.plain.wasm", "build/engine.debug.wasm"],
  },
  {
    name: "console",
    script: "build:web",
    sources: [
      "web-client",
      "sync",
      "log",
      "wire",
      "engine-as/format.ts",
      "engine-as/status.ts",
      "build/engine.wasm",
      "build/engine.plain.wasm",
      "package-lock.json",
    ],
    outputs: ["web-client/dist/index.js", "web-client/dist/console/index.html"],
  },
  {
    name: "gateway",
    script: "build:gateway",
    sources: [
      "gateway",
      "log",
      "wire",
      "engine-as/format.ts",
      "engine-as/status.ts",
      "build/engine.wasm",
      "build/engine.plain.wasm",
      "web-client/dist",
      "package-lock.json",
    ],
    outputs: ["gateway/dist/rivulet.js", "gateway/dist/engine.wasm", "gateway/dist/engine.plain.wasm"],
  },
];

/** Directories that hold results, not sources, unless they are named as a source themselves. */
const NOT_SOURCES = new Set(["dist", "node_modules"]);

/** Runs `npm ci` when `node_modules` is missing or older than the lockfile. */
export async function ensureInstalled({ log }) {
  const installed = modified("node_modules/.package-lock.json");
  if (installed !== undefined && installed >= (modified("package-lock.json") ?? 0)) return;
  log(
    installed === undefined ? "installing dependencies" : "the lockfile has changed: installing dependencies",
  );
  await npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]);
}

/**
 * Builds engine, console and gateway where their sources are newer than what was built from them; with `only`, no more than
 * those that it names.
 */
export async function ensureBuilt({ log, only }) {
  for (const step of steps) {
    if (only?.includes(step.name) === false || !isStale(step)) continue;
    log(`building ${step.name}`);
    await npm(["run", "--silent", step.script]);
    const missing = step.outputs.find((output) => modified(output) === undefined);
    if (missing !== undefined) throw new Error(`npm run ${step.script} has not made ${missing}`);
  }
}

/** Whether a step has to be run; its paths are below `top`. */
export function isStale({ sources, outputs }, top = root) {
  const built = outputs.map((output) => modified(output, top));
  if (built.includes(undefined)) return true;
  return Math.max(...sources.map((source) => newest(join(top, source)))) > Math.min(...built);
}

/** Time of the newest file at or below `path`, in milliseconds; 0 when there is none. */
function newest(path) {
  if (!existsSync(path)) return 0;
  const stats = statSync(path);
  if (!stats.isDirectory()) return stats.mtimeMs;
  let latest = 0;
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.name.startsWith(".") || NOT_SOURCES.has(entry.name)) continue;
    latest = Math.max(latest, newest(join(path, entry.name)));
  }
  return latest;
}

function modified(name, top = root) {
  const path = join(top, name);
  return existsSync(path) ? statSync(path).mtimeMs : undefined;
}

/** Runs npm at the top of the clone; rejects with what was run when it fails. */
function npm(args) {
  return new Promise((resolve, reject) => {
    // The tool's stdout is our stderr: whoever starts the gateway reads one line from stdout.
    const child = spawn("npm", args, {
      cwd: root,
      stdio: ["ignore", 2, 2],
      shell: process.platform === "win32",
    });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else
        reject(
          new Error(
            `npm ${args.join(" ")} failed (${signal ?? `exit code ${code}`}); what it said stands above`,
          ),
        );
    });
  });
}
