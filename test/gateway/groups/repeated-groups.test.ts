/** A small request must not be answered with a large group as often as it names it. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeGroups } from "../../../wire/apis/describe-groups.ts";
import { offsetCommit } from "../../../wire/apis/offset-commit.ts";
import { offsetFetch } from "../../../wire/apis/offset-fetch.ts";
import { ErrorCode } from "../../../wire/errors.ts";
import { createTopic } from "../batches.ts";
import { ProtocolClient } from "../protocol-client.ts";
import { startTestGateway, type TestGateway } from "../start-gateway.ts";

let gateway: TestGateway;
let client: ProtocolClient;

beforeAll(async () => {
  gateway = await startTestGateway();
  client = await ProtocolClient.tcp(gateway.kafkaPort);
  await createTopic(client, "orders");
  const partitions = [{ partitionIndex: 0, committedOffset: 7n, committedMetadata: "here" }];
  const { topics } = await client.request(offsetCommit, 9, {
    groupId: "g",
    memberId: "",
    topics: [{ name: "orders", partitions }],
  });
  expect(topics).toMatchObject([{ partitions: [{ errorCode: ErrorCode.NONE }] }]);
});
afterAll(async () => {
  await client.close();
  await gateway.stop();
});

describe("a group that is named a thousand times", () => {
  it("is told of once where all of its offsets are asked for", async () => {
    const groups = Array.from({ length: 1000 }, () => ({ groupId: "g", topics: null }));
    const answer = await client.request(offsetFetch, 9, { groups });
    expect(answer.groups).toMatchObject([
      { groupId: "g", topics: [{ partitions: [{ committedOffset: 7n, metadata: "here" }] }] },
    ]);
  });

  it("is described once", async () => {
    const answer = await client.request(describeGroups, 5, {
      groups: Array.from({ length: 1000 }, () => "g"),
    });
    expect(answer.groups).toMatchObject([{ groupId: "g", groupState: "Empty" }]);
  });
});
