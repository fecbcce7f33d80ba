/** Finds the Chromium that the browser tests drive. Node's built-ins only: it runs before anything is installed. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

const NAMES = [
  "chromium",
  "chromium-browser",
  "google-chrome-stable",
  "google-chrome",
  "chrome",
  "microsoft-edge-stable",
  "microsoft-edge",
];

/** Where browsers live that are not on PATH. */
const USUAL_PLACES = [
  "/usr/bin/chromium",
  "/usr/lib/chromium/chromium",
  "/opt/google/chrome/chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
];

/**
 * Path of a browser that starts: the one RIVULET_CHROMIUM names, else one on PATH or where they usually are.
 *
 * @returns {string | undefined}
 */
export function findBrowser() {
  const named = process.env.RIVULET_CHROMIUM;
  if (named !== undefined && named !== "") {
    if (!existsSync(named)) throw new Error(`RIVULET_CHROMIUM names ${named}, which is not there`);
    return named;
  }
  const directories = (process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
  const onPath = NAMES.flatMap((name) => directories.map((directory) => join(directory, name)));
  return [...onPath, ...USUAL_PLACES].find((path) => existsSync(path) && starts(path));
}

/** Some distributions put a stub under the browser's name that only says how to install it. */
function starts(path) {
  // On Windows asking for the version opens a window.
  if (process.platform === "win32") return true;
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 20_000 });
  return status === 0 && /\d+\.\d+/.test(stdout);
}
