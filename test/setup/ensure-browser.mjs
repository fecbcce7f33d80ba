/**
 * Gets a browser when the machine has none: the distribution's package where we may install one, else what Playwright
 * downloads. Node's built-ins only, and Playwright once it is installed.
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { findBrowser } from "./find-browser.mjs";

/**
 * Path of a browser, installed when need be; undefined when none could be had, after saying why.
 *
 * @param {{ root: string, log: (text: string) => void }} options
 * @returns {Promise<string | undefined>}
 */
export async function ensureBrowser({ root, log }) {
  return findBrowser() ?? (await playwrights()) ?? fromDistribution(log) ?? (await fromPlaywright(root, log));
}

/** The browser that Playwright has downloaded before. */
async function playwrights() {
  const { chromium } = await import("playwright");
  const path = chromium.executablePath();
  return existsSync(path) ? path : undefined;
}

function fromDistribution(log) {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || spawnSync("apt-get", ["--version"]).status !== 0) return undefined;
  log("no browser found: installing the distribution's chromium");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const apt = (...args) => spawnSync("apt-get", args, { stdio: ["ignore", 2, 2], env }).status === 0;
  const isInstalled =
    apt("update", "-q") && apt("install", "-y", "-q", "--no-install-recommends", "chromium");
  return isInstalled ? findBrowser() : undefined;
}

async function fromPlaywright(root, log) {
  log("no browser found: downloading Playwright's chromium");
  const shell = process.platform === "win32";
  const args = ["playwright", "install", "chromium"];
  const { status } = spawnSync("npx", args, { cwd: root, stdio: ["ignore", 2, 2], shell });
  if (status !== 0)
    log("no browser could be installed: install Chromium or Chrome, or name one with RIVULET_CHROMIUM");
  return playwrights();
}
