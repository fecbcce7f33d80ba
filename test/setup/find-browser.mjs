/** Finds the browsers that the tests drive. Node's built-ins only: it runs before anything is installed. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What each browser is called, the variable that may name it, and where browsers live that are not on PATH. */
const BROWSERS = {
  chromium: {
    variable: "RIVULET_CHROMIUM",
    names: [
      "chromium",
      "chromium-browser",
      "google-chrome-stable",
      "google-chrome",
      "chrome",
      "microsoft-edge-stable",
      "microsoft-edge",
    ],
    usualPlaces: [
      "/usr/bin/chromium",
      "/usr/lib/chromium/chromium",
      "/opt/google/chrome/chrome",
      "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
      "/Applications/Chromium.app/Contents/MacOS/Chromium",
      "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
      "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
      "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
      "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
    ],
  },
  firefox: {
    variable: "RIVULET_FIREFOX",
    names: ["firefox-esr", "firefox"],
    usualPlaces: [
      "/usr/bin/firefox-esr",
      "/opt/firefox/firefox",
      "/Applications/Firefox.app/Contents/MacOS/firefox",
      "C:\\Program Files\\Mozilla Firefox\\firefox.exe",
    ],
  },
};

/** @typedef {keyof typeof BROWSERS} BrowserKind */

/**
 * Path of a browser that starts: the one that RIVULET_CHROMIUM (RIVULET_FIREFOX) names, else one on PATH or where they usually
 * are.
 *
 * @param {BrowserKind} kind
 * @returns {string | undefined}
 */
export function findBrowser(kind) {
  const { variable, names, usualPlaces } = BROWSERS[kind];
  const named = process.env[variable];
  if (named !== undefined && named !== "") {
    if (!existsSync(named)) throw new Error(`${variable} names ${named}, which is not there`);
    return named;
  }
  const directories = (process.env.PATH ?? "").split(delimiter).filter((directory) => directory !== "");
  const onPath = names.flatMap((name) => directories.map((directory) => join(directory, name)));
  return [...onPath, ...usualPlaces].find((path) => existsSync(path) && starts(path));
}

/** Some distributions put a stub under the browser's name that only says how to install it. */
function starts(path) {
  // On Windows asking for the version opens a window.
  if (process.platform === "win32") return true;
  const { status, stdout } = spawnSync(path, ["--version"], { encoding: "utf8", timeout: 20_000 });
  return status === 0 && /\d+\.\d+/.test(stdout);
}
