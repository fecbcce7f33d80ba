import { format, resolveConfig } from "prettier";
import { expect, test } from "vitest";
import { reasons } from "./differences/all.ts";
import { pageOf } from "./page.ts";

// `npx vitest run test/oracle/page.test.ts -u` writes it anew.
test("docs/kafka-differences.md says what the list of differences says", async () => {
  const path = new URL("../../docs/kafka-differences.md", import.meta.url).pathname;
  const style = await resolveConfig(path);
  await expect(await format(pageOf(reasons), { ...style, filepath: path })).toMatchFileSnapshot(path);
});
