/** The README's examples, taken from the README and run: what stands there is what works. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestGateway, type TestGateway } from "../gateway/start-gateway.ts";
import { describeWith } from "../tools/require-tool.ts";
import { run } from "../tools/run-process.ts";

const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");

/** The fenced block that is marked with these words after its three backticks. */
function example(marks: string): string {
  const start = readme.indexOf("```" + marks + "\n");
  const end = readme.indexOf("\n```", start);
  if (start < 0 || end < 0) throw new Error(`README.md has no example marked "${marks}"`);
  return readme.slice(readme.indexOf("\n", start) + 1, end);
}

describeWith(["kcat"], "the README's example for Kafka clients", () => {
  let gateway: TestGateway;
  beforeAll(async () => {
    gateway = await startTestGateway();
  });
  afterAll(() => gateway.stop());

  test("produces and consumes", async () => {
    const script = example("sh kcat");
    const here = script.replaceAll("127.0.0.1:9092", `127.0.0.1:${gateway.kafkaPort}`);
    expect(here).not.toBe(script);
    const { stdout } = await run("bash", ["-euo", "pipefail", "-c", here]);
    expect(stdout.toString().trim()).toBe("1000");
  });
});
