import { afterAll, beforeAll, expect, test } from "vitest";
import { runKafkaTool } from "../tools/kafka-tools.ts";
import { describeWith } from "../tools/require-tool.ts";
import { serve, type Served } from "./served.ts";

describeWith(["kafka-tools"], "kafka-configs on brokers", () => {
  let served: Served;
  beforeAll(async () => {
    served = await serve();
  });
  afterAll(() => served.dispose());

  async function configs(...args: string[]): Promise<string> {
    const entity = ["--bootstrap-server", served.broker, "--entity-type", "brokers"];
    const { code, stdout, stderr } = await runKafkaTool("kafka.admin.ConfigCommand", [...entity, ...args]);
    return `${stdout.toString()}${stderr}exit ${code}`;
  }
  const node = ["--entity-name", "1"];

  test("changes and describes settings of a node, and of all nodes", async () => {
    const alter = ["--alter", "--add-config"];
    expect(await configs("--entity-default", ...alter, "log.retention.ms=6000")).toContain(
      "Completed updating default config for brokers in the cluster.",
    );
    expect(
      await configs(...node, ...alter, "log.retention.ms=7000,log.cleanup.policy=[compact,delete]"),
    ).toContain("Completed updating config for broker 1.");
    const ofAll = await configs("--entity-default", "--describe");
    expect(ofAll).toContain("Default configs for brokers in the cluster are:");
    expect(ofAll).toMatch(/log\.retention\.ms=6000 .*DYNAMIC_DEFAULT_BROKER_CONFIG:log\.retention\.ms=6000/);
    const ofNode = await configs(...node, "--describe");
    expect(ofNode).toContain("Dynamic configs for broker 1 are:");
    expect(ofNode).toContain("log.cleanup.policy=compact,delete");
    expect(ofNode).toContain(
      "log.retention.ms=7000 sensitive=false synonyms={DYNAMIC_BROKER_CONFIG:log.retention.ms=7000, " +
        "DYNAMIC_DEFAULT_BROKER_CONFIG:log.retention.ms=6000, DEFAULT_CONFIG:log.retention.ms=604800000}",
    );
    await configs(...node, "--alter", "--delete-config", "log.retention.ms,log.cleanup.policy");
    const left = await configs(...node, "--describe", "--all");
    expect(left).toContain("log.retention.ms=6000 ");
    expect(left).toContain("log.cleanup.policy=delete ");
  });

  test("is told what cannot be changed", async () => {
    const told = await configs(...node, "--alter", "--add-config", "num.partitions=9");
    expect(told).toContain("Cannot update these configs dynamically: [num.partitions]");
    expect(told).toMatch(/exit 1$/);
    const wrong = await configs("--entity-default", "--alter", "--add-config", "message.max.bytes=-1");
    expect(wrong).toMatch(/InvalidRequestException: message\.max\.bytes/);
    expect(await configs(...node, "--describe", "--all")).toMatch(/num\.partitions=1 /);
  });
});
