import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { findBrowser } from "./test/setup/find-browser.mjs";

// `npm test` has found or installed one by now; a bare `npx vitest` looks for itself.
const chromium = (process.env.RIVULET_CHROMIUM ??= findBrowser() ?? "");

export default defineConfig({
  test: {
    reporters: ["default", "./test/setup/count-reporter.ts"],
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
