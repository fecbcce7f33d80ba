/** Topics, their settings, and the deletion of records, by each client that has calls for that. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { serve, type Served } from "../../served.ts";
import { available, matrix, topicOf, withClient } from "../bench.ts";
import { isLack, type Client, type ClientKind, type Lack } from "../client.ts";
import type { Capability } from "../matrix.ts";

const SETTING = "retention.ms";

export function admin(): void {
  let served: Served;
  beforeAll(async () => void (served = await serve("--config", "auto.create.topics.enable=false")));
  afterAll(() => served.dispose());

  for (const kind of available) {
    test.concurrent(kind.name, () =>
      withClient(kind, served.broker, async (client) => {
        const topic = topicOf(kind, "made");
        const { topics, configs, deleteRecords } = client;
        if (isLack(topics)) await lacks(kind, "topics", topics);
        else {
          await topics.create(topic, 3, { [SETTING]: "1000000" });
          expect(await topics.countPartitions(topic)).toBe(3);
        }
        if (isLack(configs)) await lacks(kind, "configs", configs);
        else {
          expect(await configs.get(topic, SETTING)).toBe("1000000");
          await configs.set(topic, SETTING, "2000000");
          expect(await configs.get(topic, SETTING)).toBe("2000000");
          matrix.shown(kind, "configs");
        }
        if (isLack(deleteRecords)) await lacks(kind, "delete-records", deleteRecords);
        else {
          await deletesRecords(kind, client, topicOf(kind, "shortened"), deleteRecords);
          matrix.shown(kind, "delete-records");
        }
        if (isLack(topics)) return;
        await topics.delete(topic);
        expect(await topics.countPartitions(topic)).toBe(0);
        matrix.shown(kind, "topics");
      }),
    );
  }
}

async function deletesRecords(
  kind: ClientKind,
  client: Client,
  topic: string,
  deleteRecords: (topic: string, before: number) => Promise<number>,
): Promise<void> {
  if (isLack(client.topics)) throw new Error(`${kind.name} deletes records and cannot create a topic`);
  await client.topics.create(topic, 1, {});
  const records = Array.from({ length: 10 }, (_, index) => ({
    key: null,
    value: Buffer.from(`value ${index}`),
    headers: [],
  }));
  await client.write(topic, "none", [records]);
  expect(await deleteRecords(topic, 7)).toBe(7);
  const left = await client.read([topic], 3);
  expect(left.map(({ value }) => value?.toString())).toEqual(["value 7", "value 8", "value 9"]);
}

async function lacks(kind: ClientKind, capability: Capability, lack: Lack): Promise<void> {
  expect(await lack.holds(), `${kind.name} still ${lack.why}`).toBe(true);
  matrix.lacking(kind, capability, lack.why);
}
