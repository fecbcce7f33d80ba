import { availableParallelism } from "node:os";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import type { TestProjectInlineConfiguration } from "vitest/config";
import type { BrowserInstanceOption } from "vitest/node";
import { findBrowser } from "./test/setup/find-browser.mjs";
import { LongestFirst } from "./test/setup/longest-first.ts";
import { FIREFOX_PREFS } from "./test/tools/browser.ts";

// `npm test` has found or installed them by now; a bare `npx vitest` looks for itself.
const chromium = (process.env.RIVULET_CHROMIUM ??= findBrowser("chromium") ?? "");
const firefox = (process.env.RIVULET_FIREFOX ??= findBrowser("firefox") ?? "");

const inChromium: BrowserInstanceOption = {
  browser: "chromium",
  provider: playwright({ launchOptions: { executablePath: chromium, args: ["--no-sandbox"] } }),
};
// A stock one, over WebDriver BiDi.
const inFirefox: BrowserInstanceOption = {
  browser: "firefox",
  provider: playwright({
    launchOptions: {
      executablePath: firefox,
      channel: "moz-firefox",
      firefoxUserPrefs: { ...FIREFOX_PREFS },
    },
  }),
};

/** Tests that start browsers and processes of their own, and wait for what a person would wait for. */
const realThings = [
  "test/foreign/**/*.test.ts",
  "test/walk/**/*.test.ts",
  "test/real-crashes/**/*.test.ts",
  "test/soak/**/*.test.ts",
  "test/runtimes/*.test.ts",
  "test/console/console.test.ts",
  "test/console/pages.test.ts",
  "test/docs/tutorial.test.ts",
  "test/web-client/gateway.test.ts",
  "test/web-client/packed.test.ts",
  "test/web-client/worker.test.ts",
  "test/web-client/tabs/tabs.test.ts",
  "test/web-client/crashes/*.test.ts",
  "test/web-client/examples.test.ts",
];

/** The same of Firefox alone: what is kept through the death of a Chromium is shown elsewhere. */
const ofFirefox = ["test/web-client/tabs/profiles.test.ts"];

/** What runs in Firefox: some of the real things once more. */
const againInFirefox: TestProjectInlineConfiguration = {
  test: {
    name: "firefox",
    include: [
      "test/console/console.test.ts",
      "test/web-client/gateway.test.ts",
      "test/web-client/tabs/tabs.test.ts",
      "test/web-client/crashes/matrix.test.ts",
      ...ofFirefox,
    ],
    env: { RIVULET_BROWSER: "firefox" },
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
};

export default defineConfig({
  test: {
    // One more than there are processors: half of the time goes into waiting for browsers, brokers and time-outs.
    maxWorkers: availableParallelism() + 1,
    sequence: { sequencer: LongestFirst },
    reporters: ["default", "./test/setup/count-reporter.ts"],
    projects: [
      {
        // Fast tests on Node: engine, wire, log, sync, gateway over real sockets and files.
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["**/node_modules/**", "test/**/*.browser.test.ts", ...realThings, ...ofFirefox],
          // What takes a second here takes twenty on a machine that does other things, too.
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        // The same code in real browsers with real IndexedDB.
        test: {
          name: "browser",
          include: ["test/**/*.browser.test.ts"],
          testTimeout: 60_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            instances: firefox === "" ? [inChromium] : [inChromium, inFirefox],
          },
        },
      },
      {
        // Foreign Kafka clients and tools, whole pages, and the walk.
        test: {
          name: "foreign",
          include: realThings,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      ...(firefox === "" ? [] : [againInFirefox]),
    ],
  },
});
