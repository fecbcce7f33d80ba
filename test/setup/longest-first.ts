/** The order of the test files, on which it depends how long the last of them are waited for. */
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { relative } from "node:path";

/** What takes longest on a machine that has not run it before; where vitest remembers the last run, that counts for the rest. */
const LONGEST = [
  "test/sim/mistakes.test.ts",
  "test/foreign/matrix/matrix.test.ts",
  "test/web-client/gateway.test.ts",
  "test/web-client/tabs/tabs.test.ts",
  "test/sim/sim.test.ts",
  "test/walk/walk.test.ts",
  "test/foreign/bench-kafka.test.ts",
  "test/foreign/kafka-oracle.test.ts",
  "test/console/console.test.ts",
  "test/console/pages.test.ts",
  "test/soak/soak.test.ts",
];

/** Projects whose files mostly wait for what they have started. */
const WAITING: ReadonlySet<string> = new Set(["foreign", "firefox"]);

/**
 * Longest first, and in turns one that mostly waits for what it has started and one that mostly reckons: together they leave
 * no processor idle.
 */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.indexOf(relative(this.ctx.config.root, moduleId).replaceAll("\\", "/"));
      return at < 0 ? LONGEST.length : at;
    };
    const sorted = (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
    const waits = ({ project }: TestSpecification): boolean => WAITING.has(project.name);
    const waiting = sorted.filter(waits);
    const reckoning = sorted.filter((file) => !waits(file));
    const inTurns = Array.from({ length: Math.max(waiting.length, reckoning.length) }, (_, at) => [
      waiting[at],
      reckoning[at],
    ]);
    return inTurns.flat().filter((file) => file !== undefined);
  }
}
