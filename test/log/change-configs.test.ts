import { describe, expect, it } from "vitest";
import { Cluster } from "../../log/cluster.ts";
import { brokerConfig } from "../../log/config.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { batchOf, clock, engine, failureOf } from "./harness.ts";

let seed = 0;
const open = (store: Store): Promise<Cluster> =>
  Cluster.open({
    store,
    engine,
    clock,
    codec: metadataCodec,
    random: () => Uint8Array.from({ length: 16 }, () => seed++ & 255),
    config: brokerConfig(new Map([["log.retention.ms", "5000"]])),
  });

const changes = (values: Record<string, string | null>) => () => new Map(Object.entries(values));

describe("a topic's settings, changed while it is served", () => {
  it("count from the next append on, and after a restart", async () => {
    const store = new MemoryStore();
    const cluster = await open(store);
    const topic = await cluster.createTopic("t", {});
    await cluster.configs.changeTopic("t", changes({ "max.message.bytes": "200", "retention.ms": "+7" }));
    expect([...(cluster.topic("t")?.overrides ?? [])]).toEqual([
      ["max.message.bytes", "200"],
      ["retention.ms", "7"],
    ]);
    const [log] = topic.partitions;
    const large = batchOf(["x".repeat(500)]);
    expect((await failureOf(() => Promise.resolve(log?.append(large)))).code).toBe(
      ErrorCode.MESSAGE_TOO_LARGE,
    );
    await cluster.configs.changeTopic("t", changes({ "max.message.bytes": null }));
    await log?.append(large).synced;
    await cluster.close();

    const again = await open(store);
    expect([...(again.topic("t")?.overrides ?? [])]).toEqual([["retention.ms", "7"]]);
    expect(again.topic("t")?.config.values.get("retention.ms")).toBe("7");
    await again.configs.changeTopic("t", changes({ "retention.ms": null }));
    expect(again.topic("t")?.config.values.get("retention.ms")).toBe("5000");
    await again.close();
  });

  it("are changed all or not at all, and not where they are only to be checked", async () => {
    const cluster = await open(new MemoryStore());
    await cluster.createTopic("t", {});
    for (const bad of [{ "retention.ms": "soon" }, { "no.such": "1" }, { "no.such": null }]) {
      const wanted = changes({ "max.message.bytes": "200", ...bad });
      expect((await failureOf(() => cluster.configs.changeTopic("t", wanted))).code).toBe(
        ErrorCode.INVALID_CONFIG,
      );
    }
    await cluster.configs.changeTopic("t", changes({ "retention.ms": "1" }), true);
    expect(cluster.topic("t")?.overrides.size).toBe(0);
    expect((await failureOf(() => cluster.configs.changeTopic("u", changes({})))).code).toBe(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
    await cluster.close();
  });

  it("of how it is synced count at once", async () => {
    const cluster = await open(new MemoryStore());
    const { partitions } = await cluster.createTopic("t", {});
    const [log] = partitions;
    const writes = async (value: string): Promise<bigint | undefined> => {
      const appended = log?.append(batchOf([value]));
      await appended?.written;
      const { highWatermark } = log ?? {};
      await appended?.synced;
      return highWatermark;
    };
    expect(await writes("a")).toBe(0n);
    await cluster.configs.changeTopic("t", changes({ "flush.messages": "100" }));
    expect(await writes("b")).toBe(2n);
    await cluster.configs.changeTopic("t", changes({ "flush.messages": null }));
    expect(await writes("c")).toBe(2n);
    expect(log?.highWatermark).toBe(3n);
    await cluster.close();
  });
});
