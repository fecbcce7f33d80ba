/**
 * Gets a browser when the machine has none: the distribution's package where we may install one, else what Playwright
 * downloads. Node's built-ins only, and Playwright once it is installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { findBrowser } from "./find-browser.mjs";

/** The distributions' packages; the first one that there is. */
const PACKAGES = { chromium: ["chromium"], firefox: ["firefox-esr", "firefox"] };

/**
 * Path of a browser, installed when need be; undefined when none could be had, after saying why.
 *
 * @param {import("./find-browser.mjs").BrowserKind} kind
 * @param {{ root: string, log: (text: string) => void }} options
 * @returns {Promise<string | undefined>}
 */
export async function ensureBrowser(kind, { root, log }) {
  const found = findBrowser(kind) ?? (kind === "chromium" ? await playwrights() : undefined);
  if (found !== undefined) return found;
  const installed =
    fromDistribution(kind, log) ?? (kind === "chromium" ? await fromPlaywright(root, log) : undefined);
  if (installed === undefined)
    log(`no ${kind} could be had: install it, or name one with RIVULET_${kind.toUpperCase()}`);
  return installed;
}

/** The browser that Playwright has downloaded before. Its Firefox is one that it has changed: stock ones are driven here. */
async function playwrights() {
  const { chromium } = await import("playwright");
  const path = chromium.executablePath();
  return existsSync(path) ? path : undefined;
}

function fromDistribution(kind, log) {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || spawnSync("apt-get", ["--version"]).status !== 0) return undefined;
  log(`no ${kind} found: installing the distribution's`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) => spawnSync("apt-get", args, { stdio: ["ignore", 2, 2], env }).status === 0;
  if (!apt("update", "-q")) return undefined;
  const install = (name) => apt("install", "-y", "-q", "--no-install-recommends", name);
  return PACKAGES[kind].some(install) ? findBrowser(kind) : undefined;
}

async function fromPlaywright(root, log) {
  log("no browser found: downloading Playwright's chromium");
  const shell = process.platform === "win32";
  const args = ["playwright", "install", "chromium"];
  const { status } = spawnSync("npx", args, { cwd: root, stdio: ["ignore", 2, 2], shell });
  return status === 0 ? playwrights() : undefined;
}
