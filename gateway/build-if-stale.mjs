/**
 * Sets a clone up to run, with Node's built-ins only: installs what the lockfile says and builds what is older than its
 * sources. All output of the tools goes to stderr; stdout stays with the caller.
 */
import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The top of the clone. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** What both bundles are made of. */
const SHARED = [
  "log",
  "wire",
  "engine-as/format.ts",
  "engine-as/status.ts",
  "build/engine.wasm",
  "build/engine.plain.wasm",
  "package-lock.json",
];

/**
 * What is built, each after what it needs, by scripts of package.json that may run side by side. A step is stale when one of
 * its outputs is missing or older than the newest of its sources; a source is a file, or a directory with everything below it.
 */
const steps = [
  {
    name: "engine",
    needs: [],
    scripts: ["build:engine:release", "build:engine:plain"],
    sources: ["engine-as", "asconfig.json"],
    outputs: ["build/engine.wasm", "build/engine.plain.wasm"],
  },
  {
    name: "console",
    needs: ["engine"],
    scripts: ["build:console"],
    sources: ["web-client", "sync", ...SHARED],
    outputs: ["web-client/console/dist/index.html"],
  },
  {
    name: "gateway",
    needs: ["engine", "console"],
    scripts: ["build:gateway"],
    sources: ["gateway", "web-client/console/dist", ...SHARED],
    outputs: ["gateway/dist/rivulet.js", "gateway/dist/engine.wasm", "gateway/dist/engine.plain.wasm"],
  },
  {
    name: "client",
    needs: ["engine"],
    scripts: ["build:client"],
    sources: ["web-client", "sync", ...SHARED],
    outputs: ["web-client/dist/index.js", "web-client/dist/index.d.ts"],
  },
  {
    name: "debug engine",
    needs: [],
    scripts: ["build:engine:debug"],
    sources: ["engine-as", "asconfig.json"],
    outputs: ["build/engine.debug.wasm"],
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
  const args = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
  await run(`npm ${args.join(" ")}`, "npm", args, { shell: process.platform === "win32" });
}

/**
 * Builds what is wanted and what that needs, where it is older than its sources; all that there is when nothing is named. Runs
 * as many tools side by side as there are processors.
 */
export async function ensureBuilt({ log, wanted = steps.map(({ name }) => name) }) {
  const inTurn = turns(availableParallelism());
  const built = new Map();
  const ensure = (name) => {
    const step = steps.find((each) => each.name === name);
    if (!built.has(name))
      built.set(
        name,
        Promise.all(step.needs.map(ensure)).then(() => build(step)),
      );
    return built.get(name);
  };
  const build = async (step) => {
    if (!isStale(step)) return;
    log(`building ${step.name}`);
    await Promise.all(step.scripts.map((script) => inTurn(() => runScript(script))));
    const missing = step.outputs.find((output) => modified(output) === undefined);
    if (missing !== undefined)
      throw new Error(`npm run ${step.scripts.join(" and ")} has not made ${missing}`);
  };
  // Whatever fails, nothing is left running.
  const ended = await Promise.allSettled(wanted.map(ensure));
  await Promise.allSettled(built.values());
  const failed = ended.find(({ status }) => status === "rejected");
  if (failed !== undefined) throw failed.reason;
}

/** Runs what it is given as soon as no more than `lanes` run. */
function turns(lanes) {
  let running = 0;
  const waiting = [];
  return async (work) => {
    if (running === lanes) await new Promise((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await work();
    } finally {
      // Whoever waits takes the lane over.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  };
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

/** Runs a script of package.json as npm does, without the time that npm takes for itself. */
function runScript(name) {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const path = [join(root, "node_modules", ".bin"), process.env.PATH].join(delimiter);
  return run(`npm run ${name}`, scripts[name], [], { shell: true, env: { ...process.env, PATH: path } });
}

/** Runs a tool at the top of the clone; rejects with what was run when it fails. */
function run(what, command, args, options) {
  return new Promise((resolve, reject) => {
    // The tool's stdout is our stderr: whoever starts the gateway reads one line from stdout.
    const child = spawn(command, args, { cwd: root, stdio: ["ignore", 2, 2], ...options });
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${what} failed (${signal ?? `exit code ${code}`}); what it said stands above`));
    });
  });
}
