/**
 * Kafka's clients against a running gateway: what each can do is tried, and the README's table is what was found.
 * `npm run matrix` writes it there.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { format, resolveConfig } from "prettier";
import { afterAll, describe, expect, test } from "vitest";
import { describeWith } from "../../tools/require-tool.ts";
import { available, matrix } from "./bench.ts";
import { admin } from "./capabilities/admin.ts";
import { everyCodec } from "./capabilities/codecs.ts";
import { groupOfThree } from "./capabilities/group.ts";
import { idempotence } from "./capabilities/idempotence.ts";
import { seekByTime } from "./capabilities/seek.ts";
import { kinds } from "./kinds.ts";

const README = fileURLToPath(new URL("../../../README.md", import.meta.url));
const RESULTS = fileURLToPath(new URL("../../../build/matrix.json", import.meta.url));
const INSTALL_MS = 600_000;

describe("clients are installed", () => {
  for (const kind of kinds) {
    describeWith(kind.needs, kind.name, () => {
      test.concurrent(
        "its version is known",
        async () => matrix.installed(kind, await kind.install()),
        INSTALL_MS,
      );
    });
  }
});

describe("every codec", everyCodec);
describe("an idempotent producer whose answers are lost", idempotence);
// Much of these is waiting: for Java to start, and for the time-out of a session.
describe.concurrent("a group of three, of which one is killed", groupOfThree);
describe.concurrent("topics, settings, and deleted records", admin);
describe.concurrent("seeking by time", seekByTime);

describe("the table in the README", () => {
  afterAll(() => {
    mkdirSync(dirname(RESULTS), { recursive: true });
    writeFileSync(RESULTS, matrix.toJson());
  });

  test("everything was shown for the clients that are here", () => {
    const here = available.map(({ name }) => name);
    expect(matrix.missing().filter((cell) => here.some((name) => cell.startsWith(`${name}: `)))).toEqual([]);
  });

  describeWith(
    kinds.flatMap(({ needs }) => needs),
    "compared with what was found",
    () => {
      test("says what this run has shown", async () => {
        const readme = readFileSync(README, "utf8");
        const found = await withTable(readme, matrix.toMarkdown());
        if (process.env.RIVULET_WRITE_MATRIX === "1") writeFileSync(README, found);
        else expect(found, "run `npm run matrix`").toBe(readme);
      });
    },
  );
});

/** The README with this table between its two marks. */
async function withTable(readme: string, table: string): Promise<string> {
  const [before, , after] = readme.split(/^<!-- (?:matrix|\/matrix) -->$/m);
  if (before === undefined || after === undefined) throw new Error("README.md has no place for the matrix");
  const whole = `${before}<!-- matrix -->\n\n${table}\n\n<!-- /matrix -->${after}`;
  return await format(whole, { ...(await resolveConfig(README)), filepath: README });
}
