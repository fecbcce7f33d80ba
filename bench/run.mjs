/**
 * `npm run bench`: sets itself up as `npm start` does, compiles the native peers (full mode), bundles the benches and
 * runs `main.ts`. Node's built-ins only until everything is installed.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureBuilt, ensureInstalled, root } from "../gateway/build-if-stale.mjs";
import { findBrowser } from "../test/setup/find-browser.mjs";

const bench = dirname(fileURLToPath(import.meta.url));
const native = join(bench, "native");
/** What `bench/native` pins. */
const compiled = ["sse4_crc32", "lz4", "zstd-napi"];
const outDir = join(root, "build/bench");
const log = (text) => console.error(`bench: ${text}`);

const args = process.argv.slice(2);
const small = args.includes("--small") || process.env.RIVULET_BENCH === "small";

try {
  await ensureInstalled({ log });
  refuseOtherNodes();
  if (!small) await ensureNativePeers();
  await ensureBuilt({ log, wanted: ["gateway"] });
  const { bundleBenches } = await import("./bundle.mjs");
  await bundleBenches(outDir);
  const browser = findBrowser("chromium");
  process.exitCode = await run(process.execPath, [join(outDir, "main.js"), ...args], {
    cwd: root,
    // The channel breaks when this process is killed: the benches end then, and with them their servers.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: browser === undefined ? process.env : { ...process.env, RIVULET_CHROMIUM: browser },
  });
} catch (error) {
  log(error instanceof Error ? error.message : String(error));
  process.exit(1);
}

/** Gateway and peers are measured under the same Node, so it must be one that the uWebSockets binary is built for. */
function refuseOtherNodes() {
  const { platform, arch, versions } = process;
  const binary = `node_modules/uWebSockets.js/dist/bin/uws_${platform}_${arch}_${versions.modules}.node`;
  if (existsSync(join(root, binary))) return;
  const command = "npx --yes --package node@22 -- node bench/run.mjs";
  throw new Error(
    `uWebSockets has no build for Node ${process.version} on ${platform} ${arch}: run ${command}`,
  );
}

/**
 * Installs and compiles what `bench/native` pins, unless it loads already. That takes Python, make, a C++ compiler and
 * Node's headers; without them the benches leave those peers out and say so.
 */
async function ensureNativePeers() {
  if (compiled.every(loads)) return;
  log(`compiling the native peers ${compiled.join(", ")} (once)`);
  const code = await run("npm", ["ci", "--ignore-scripts=false", "--no-audit", "--no-fund"], {
    cwd: native,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (code === 0 && compiled.every(loads)) return;
  log(
    "the native peers could not be compiled: it takes Python 3, make, a C++ compiler and Node's headers (npm fetches",
  );
  log(
    "the headers, or finds them below the directory that npm's setting nodedir names). Going on without them.",
  );
}

function loads(name) {
  if (!existsSync(join(native, "node_modules", name))) return false;
  try {
    createRequire(join(native, "package.json"))(name);
    return true;
  } catch {
    return false;
  }
}

function run(command, commandArgs, options) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, commandArgs, options);
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? (signal === "SIGINT" ? 130 : 143)));
  });
}
