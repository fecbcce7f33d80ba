/** Settings of the broker as admin clients see and change them. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { alterConfigs } from "../../wire/apis/alter-configs.ts";
import { describeConfigs } from "../../wire/apis/describe-configs.ts";
import { incrementalAlterConfigs } from "../../wire/apis/incremental-alter-configs.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { createTopic } from "./batches.ts";
import { ProtocolClient } from "./protocol-client.ts";
import { startTestGateway, type TestGateway } from "./start-gateway.ts";

const [TOPIC, BROKER] = [2, 4];
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3];
const Source = { topic: 1, dynamicBroker: 2, dynamicDefaultBroker: 3, staticBroker: 4, default: 5 };
const NAME = "log.retention.ms";

let gateway: TestGateway;
let client: ProtocolClient;
beforeAll(async () => {
  gateway = await startTestGateway({ args: ["--config", `${NAME}=5000`] });
  client = await ProtocolClient.tcp(gateway.kafkaPort);
  await createTopic(client, "t");
});
afterAll(async () => {
  await client.close();
  await gateway.stop();
});

async function change(node: string, name: string, configOperation: number, value: string | null) {
  const { responses } = await client.request(incrementalAlterConfigs, 1, {
    resources: [{ resourceType: BROKER, resourceName: node, configs: [{ name, configOperation, value }] }],
    validateOnly: false,
  });
  const [answer] = responses;
  return { errorCode: answer?.errorCode, errorMessage: answer?.errorMessage };
}

async function describeResource(resourceType: number, resourceName: string, keys: string[] | null) {
  const { results } = await client.request(describeConfigs, 4, {
    resources: [{ resourceType, resourceName, configurationKeys: keys }],
    includeSynonyms: true,
    includeDocumentation: false,
  });
  const [result] = results;
  if (result === undefined) throw new Error("no answer for the resource");
  return result;
}

async function entry(resourceType: number, resourceName: string, name: string) {
  return (await describeResource(resourceType, resourceName, [name])).configs[0];
}

describe("settings of the broker", () => {
  it("are shown with all that they were given, the one that counts first, for topics too", async () => {
    const done = { errorCode: ErrorCode.NONE, errorMessage: null };
    expect(await change("", NAME, SET, "6000")).toEqual(done);
    expect(await change("1", NAME, SET, "7000")).toEqual(done);
    const synonyms = [
      { name: NAME, value: "7000", source: Source.dynamicBroker },
      { name: NAME, value: "6000", source: Source.dynamicDefaultBroker },
      { name: NAME, value: "5000", source: Source.staticBroker },
      { name: NAME, value: "604800000", source: Source.default },
    ];
    const counts = { value: "7000", configSource: Source.dynamicBroker, readOnly: false, synonyms };
    expect(await entry(BROKER, "1", NAME)).toMatchObject({ name: NAME, ...counts });
    expect(await entry(TOPIC, "t", "retention.ms")).toMatchObject({ name: "retention.ms", ...counts });
    const given = await describeResource(BROKER, "", null);
    expect(given.configs).toMatchObject([
      { name: NAME, value: "6000", configSource: Source.dynamicDefaultBroker, synonyms: [synonyms[1]] },
    ]);
    await change("1", NAME, DELETE, null);
    expect(await entry(BROKER, "1", NAME)).toMatchObject({
      value: "6000",
      configSource: Source.dynamicDefaultBroker,
      synonyms: synonyms.slice(1),
    });
    await change("", NAME, DELETE, null);
    expect(await entry(BROKER, "1", NAME)).toMatchObject({
      value: "5000",
      configSource: Source.staticBroker,
    });
    expect((await describeResource(BROKER, "", null)).configs).toEqual([]);
  });

  it("that are lists are appended to and taken from", async () => {
    const policy = "log.cleanup.policy";
    await change("", policy, APPEND, "compact");
    expect(await entry(BROKER, "1", policy)).toMatchObject({ value: "delete,compact" });
    await change("", policy, SUBTRACT, "delete");
    expect(await entry(BROKER, "1", policy)).toMatchObject({ value: "compact" });
    // On another level the list begins as what counts so far.
    await change("1", policy, APPEND, "delete");
    expect(await entry(BROKER, "1", policy)).toMatchObject({ value: "compact,delete" });
    expect(await entry(TOPIC, "t", "cleanup.policy")).toMatchObject({ value: "compact,delete" });
    for (const node of ["", "1"]) await change(node, policy, DELETE, null);
    expect(await entry(BROKER, "1", policy)).toMatchObject({ value: "delete" });
  });

  it("that a node was given are replaced as a whole by AlterConfigs", async () => {
    await change("1", NAME, SET, "7000");
    const { responses } = await client.request(alterConfigs, 2, {
      resources: [
        {
          resourceType: BROKER,
          resourceName: "1",
          configs: [{ name: "message.max.bytes", value: "2000000" }],
        },
      ],
      validateOnly: false,
    });
    expect(responses).toMatchObject([{ errorCode: ErrorCode.NONE }]);
    expect(await entry(BROKER, "1", NAME)).toMatchObject({ value: "5000" });
    expect(await entry(TOPIC, "t", "max.message.bytes")).toMatchObject({ value: "2000000" });
    await change("1", "message.max.bytes", DELETE, null);
  });

  it.each<[string, string, string, number, string | null, number, string]>([
    [
      "that is read-only",
      "1",
      "num.partitions",
      SET,
      "9",
      ErrorCode.INVALID_REQUEST,
      "Cannot update these configs dynamically: [num.partitions]",
    ],
    [
      "that has a value of another type",
      "",
      NAME,
      SET,
      "soon",
      ErrorCode.INVALID_REQUEST,
      "log.retention.ms",
    ],
    ["that is no list and is appended to", "", NAME, APPEND, "1", ErrorCode.INVALID_CONFIG, "no list"],
    ["that is not known", "", "no.such", SET, "1", ErrorCode.INVALID_CONFIG, "no.such"],
    [
      "of another node",
      "7",
      NAME,
      SET,
      "1",
      ErrorCode.INVALID_REQUEST,
      "Unexpected broker id, expected 1, but received 7",
    ],
    [
      "of what is no node",
      "x",
      NAME,
      SET,
      "1",
      ErrorCode.INVALID_REQUEST,
      "Node id must be an integer, but it is: x",
    ],
  ])("refuse one %s", async (_what, node, name, operation, value, errorCode, message) => {
    expect(await change(node, name, operation, value)).toMatchObject({
      errorCode,
      errorMessage: expect.stringContaining(message) as unknown,
    });
    expect((await describeResource(BROKER, "", null)).configs).toEqual([]);
  });

  it("tell which of them can be changed, and of what there is no broker", async () => {
    const { configs } = await describeResource(BROKER, "1", []);
    const readOnly = new Map(configs.map((each) => [each.name, each.readOnly]));
    expect(readOnly.get("num.partitions")).toBe(true);
    expect(readOnly.get("producer.id.expiration.ms")).toBe(false);
    expect(await describeResource(BROKER, "2", null)).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "Unexpected broker id, expected 1 or empty string, but received 2",
    });
    expect(await describeResource(BROKER, "two", null)).toMatchObject({
      errorCode: ErrorCode.INVALID_REQUEST,
      errorMessage: "Broker id must be an integer, but it is: two",
    });
  });
});
