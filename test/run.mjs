/**
 * `npm test`: installs, finds or installs the browsers, builds what is stale, and runs every test. Arguments go to vitest
 * (`npm test -- test/log`, `npm test -- --project node`). Node's built-ins only at the top, so that it works on a bare
 * clone. The last line is `N passed, N failed, N skipped`.
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, ensureInstalled, root } from "../gateway/build-if-stale.mjs";
import { neededNode } from "../gateway/needed-node.mjs";
import { ensureBrowser } from "./setup/ensure-browser.mjs";

const countsFile = join(root, "build", "test-counts.json");
const log = (text) => console.error(`test: ${text}`);

process.exitCode = await main(process.argv.slice(2));

async function main(args) {
  try {
    await ensureInstalled({ log });
    // The gateway runs in tests' processes too.
    const node = neededNode({ log }) ?? process.execPath;
    await ensureBuilt({ log });
    const chromium = await ensureBrowser("chromium", { root, log });
    const firefox = await ensureBrowser("firefox", { root, log });
    log(chromium === undefined ? "browser tests do not run: there is no browser" : `browser ${chromium}`);
    log(firefox === undefined ? "tests in Firefox do not run: there is none" : `browser ${firefox}`);
    const required = process.env.RIVULET_REQUIRE_TOOLS === "1";
    if ((chromium === undefined || firefox === undefined) && required)
      throw new Error("RIVULET_REQUIRE_TOOLS is set and there is no Chromium, or no Firefox");

    rmSync(countsFile, { force: true });
    const withoutBrowser = chromium === undefined ? ["--project", "!browser"] : [];
    const code = await vitest(node, [...withoutBrowser, ...args], {
      ...process.env,
      ...(chromium === undefined ? {} : { RIVULET_CHROMIUM: chromium }),
      ...(firefox === undefined ? {} : { RIVULET_FIREFOX: firefox }),
      RIVULET_TEST_COUNTS: countsFile,
      // Syncs of the gateway need more threads than libuv starts with.
      UV_THREADPOOL_SIZE: process.env.UV_THREADPOOL_SIZE ?? "16",
    });
    return conclude(code);
  } catch (error) {
    log(error instanceof Error ? error.message : String(error));
    return conclude(1);
  }
}

/** Runs vitest under this Node and hands it our signals; resolves to its exit code. */
function vitest(node, args, env) {
  const entry = join(root, "node_modules", "vitest", "vitest.mjs");
  const child = spawn(node, [entry, "run", ...args], { cwd: root, env, stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code) => resolve(code ?? 1));
  });
}

/** Prints the last line. A run that broke off before it could count has failed at least once. */
function conclude(code) {
  const counts = existsSync(countsFile)
    ? JSON.parse(readFileSync(countsFile, "utf8"))
    : { passed: 0, failed: 0, skipped: 0 };
  if (code !== 0) counts.failed = Math.max(counts.failed, 1);
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed === 0 ? code : Math.max(code, 1);
}
