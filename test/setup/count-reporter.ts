/** Writes how many tests passed, failed and were skipped to a file, for the one line that `npm test` ends with. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Reporter, SerializedError, TestModule } from "vitest/node";

/** The counts of one run. What broke outside of a test (a file that does not load, an unhandled error) has failed. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Counts what the modules report. */
export function countTests(modules: readonly TestModule[], unhandled: readonly SerializedError[]): Counts {
  const counts: Counts = { passed: 0, failed: unhandled.length, skipped: 0 };
  for (const module of modules) {
    counts.failed += module.errors().length;
    for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      // A test that never came to an end has not passed.
      counts[state === "pending" ? "failed" : state] += 1;
    }
  }
  return counts;
}

/** The reporter; RIVULET_TEST_COUNTS names the file. */
export default class CountReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const file = process.env.RIVULET_TEST_COUNTS;
    if (file === undefined) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(countTests(modules, unhandled)));
  }
}
