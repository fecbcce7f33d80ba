import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

/** Debian's and most distributions' Chromium; `test/run.mjs` finds or installs one and says where. */
const chromium = process.env.RIVULET_CHROMIUM ?? "/usr/bin/chromium";

export default defineConfig({
  test: {
    projects: [
      {
        // Fast tests on Node: engine, wire, log, sync, gateway over real sockets and files.
        test: {
          name: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/**/*.browser.test.ts", "test/foreign/**", "test/walk/**"],
          testTimeout: 30_000,
        },
      },
      {
        // The same code in a real Chromium with real IndexedDB.
        test: {
          name: "browser",
          include: ["test/**/*.browser.test.ts"],
          testTimeout: 60_000,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({ launchOptions: { executablePath: chromium, args: ["--no-sandbox"] } }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
      {
        // Foreign Kafka clients and tools, and the whole walk: real processes, one file at a time.
        test: {
          name: "foreign",
          include: ["test/foreign/**/*.test.ts", "test/walk/**/*.test.ts"],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
