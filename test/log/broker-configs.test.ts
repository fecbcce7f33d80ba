/** Settings of the broker that are changed while it runs. */
import { describe, expect, it } from "vitest";
import { Cluster } from "../../log/cluster.ts";
import { allBrokerSettings, brokerConfig } from "../../log/config.ts";
import { isDynamic } from "../../log/dynamic-settings.ts";
import { MemoryStore } from "../../log/memory-store.ts";
import { MetadataLog } from "../../log/metadata-log.ts";
import type { Store } from "../../log/store.ts";
import { ErrorCode } from "../../wire/errors.ts";
import { metadataCodec } from "../../wire/metadata-records.ts";
import { batchOf, clock, engine, failureOf } from "./harness.ts";

const logged: string[] = [];
const log = { info: () => {}, warn: () => {}, error: (message: string) => void logged.push(message) };
const base = { engine, clock, codec: metadataCodec, log };
let seed = 0;
const open = (store: Store, settings: Record<string, string> = {}): Promise<Cluster> =>
  Cluster.open({
    ...base,
    store,
    random: () => Uint8Array.from({ length: 16 }, () => seed++ & 255),
    config: brokerConfig(new Map(Object.entries({ "log.retention.ms": "5000", ...settings }))),
  });

const changes = (values: Record<string, string | null>) => () => new Map(Object.entries(values));
const retention = (cluster: Cluster, topic: string): string | undefined =>
  cluster.topic(topic)?.config.values.get("retention.ms");

describe("settings of the broker, changed while it runs", () => {
  it("count in the order of Kafka's levels, for topics that have none of their own, and after a restart", async () => {
    const store = new MemoryStore();
    let cluster = await open(store);
    await cluster.createTopic("plain", {});
    await cluster.createTopic("own", { configs: new Map([["retention.ms", "1"]]) });
    const seen = (): unknown => [
      cluster.config.values.get("log.retention.ms"),
      retention(cluster, "plain"),
      retention(cluster, "own"),
    ];
    expect(seen()).toEqual(["5000", "5000", "1"]);
    await cluster.configs.changeBroker("", changes({ "log.retention.ms": "+6000" }));
    expect(seen()).toEqual(["6000", "6000", "1"]);
    await cluster.configs.changeBroker("1", changes({ "log.retention.ms": "7000" }));
    expect(seen()).toEqual(["7000", "7000", "1"]);
    await cluster.configs.changeBroker("", changes({ "log.retention.ms": "8000" }));
    expect(seen()).toEqual(["7000", "7000", "1"]);
    await cluster.close();

    cluster = await open(store);
    expect(seen()).toEqual(["7000", "7000", "1"]);
    expect(cluster.config.levels).toEqual({
      broker: new Map([["log.retention.ms", "7000"]]),
      cluster: new Map([["log.retention.ms", "8000"]]),
      fixed: new Map([["log.retention.ms", "5000"]]),
    });
    await cluster.configs.changeBroker("1", changes({ "log.retention.ms": null }));
    expect(seen()).toEqual(["8000", "8000", "1"]);
    await cluster.configs.changeBroker("", changes({ "log.retention.ms": null }));
    expect(seen()).toEqual(["5000", "5000", "1"]);
    await cluster.createTopic("later", {});
    expect(retention(cluster, "later")).toBe("5000");
    await cluster.close();
  });

  it("count from the next append on", async () => {
    const cluster = await open(new MemoryStore());
    const { partitions } = await cluster.createTopic("t", {});
    const [log] = partitions;
    const large = (): Uint8Array => batchOf(["x".repeat(500)]);
    await log?.append(large()).synced;
    await cluster.configs.changeBroker("", changes({ "message.max.bytes": "100" }));
    expect((await failureOf(() => Promise.resolve(log?.append(large())))).code).toBe(
      ErrorCode.MESSAGE_TOO_LARGE,
    );
    await cluster.configs.changeBroker(
      "",
      changes({ "message.max.bytes": null, "log.flush.interval.messages": "100" }),
    );
    const lazy = log?.append(large());
    await lazy?.written;
    expect(log?.highWatermark).toBe(2n);
    await cluster.close();
  });

  it("are refused when they are read-only, unknown, unsound or another node's, all or none", async () => {
    const cluster = await open(new MemoryStore());
    const ask = (node: string, values: Record<string, string | null>) =>
      failureOf(() => cluster.configs.changeBroker(node, changes({ "log.retention.ms": "1", ...values })));
    for (const node of ["", "1"]) {
      expect(await ask(node, { "num.partitions": "3", "delete.topic.enable": null })).toMatchObject({
        code: ErrorCode.INVALID_REQUEST,
        message: expect.stringContaining(
          "Cannot update these configs dynamically: [num.partitions, delete.topic.enable]",
        ) as unknown,
      });
      expect((await ask(node, { "no.such": "1" })).code).toBe(ErrorCode.INVALID_CONFIG);
      expect((await ask(node, { "message.max.bytes": "-5" })).code).toBe(ErrorCode.INVALID_REQUEST);
      expect((await ask(node, { "compression.type": "brotli" })).code).toBe(ErrorCode.INVALID_REQUEST);
    }
    expect(await ask("7", {})).toMatchObject({
      code: ErrorCode.INVALID_REQUEST,
      message: "Unexpected broker id, expected 1, but received 7",
    });
    await cluster.configs.changeBroker("", changes({ "log.retention.ms": "1" }), true);
    expect(cluster.config.values.get("log.retention.ms")).toBe("5000");
    await cluster.close();
  });

  it("are refused when a least is above its most: the node would not have started again", async () => {
    const store = new MemoryStore();
    const cluster = await open(store);
    const [least, most] = ["log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms"];
    await cluster.configs.changeBroker("", changes({ [least]: "10", [most]: "20" }));
    for (const [node, values] of [
      ["", { [least]: "21" }],
      ["", { [most]: "9" }],
      ["1", { [least]: "30" }],
    ] as const)
      expect(await failureOf(() => cluster.configs.changeBroker(node, changes(values)))).toMatchObject({
        code: ErrorCode.INVALID_REQUEST,
        message: expect.stringMatching(/min\.compaction\.lag\.ms: \d+ must not be above .*max/) as unknown,
      });
    await cluster.configs.changeBroker("1", changes({ [least]: "20" }));
    expect(cluster.config.values.get(least)).toBe("20");
    const own = { [least]: null, [most]: null, "log.retention.ms": "77" };
    await cluster.configs.changeBroker("", changes(own));
    await cluster.close();
    const fixed = new Map([
      [least, "2"],
      [most, "1"],
    ]);
    expect(() => brokerConfig(fixed)).toThrow("must not be above");

    // Started with another most, which nobody could refuse: only what cannot be together does not count.
    logged.length = 0;
    const again = await open(store, { [most]: "15" });
    const values = ["log.retention.ms", least, most].map((name) => again.config.values.get(name));
    expect(values).toEqual(["77", "0", "15"]);
    expect(logged).toEqual([expect.stringContaining("must not be above")]);
    await again.close();
  });

  it("of two changes at once lose none", async () => {
    const cluster = await open(new MemoryStore());
    const add = (item: string) => (overrides: ReadonlyMap<string, string>) => {
      const before = overrides.get("log.cleanup.policy");
      return new Map([["log.cleanup.policy", before === undefined ? item : `${before},${item}`]]);
    };
    await Promise.all(["compact", "delete"].map((item) => cluster.configs.changeBroker("", add(item))));
    expect(cluster.config.values.get("log.cleanup.policy")).toBe("compact,delete");
    await cluster.close();
  });

  it("that another version has stored and that nobody knows here are told, and ignored", async () => {
    const store = new MemoryStore();
    await (await open(store)).close();
    const metadata = await MetadataLog.open({ ...base, store, clean: true });
    const stored = (name: string, value: string) =>
      ({ type: "ConfigRecord", resourceType: 4, resourceName: "", name, value }) as const;
    await metadata.write([
      stored("no.such", "1"),
      stored("num.partitions", "9"),
      stored("message.max.bytes", "many"),
      stored("log.retention.ms", "77"),
    ]);
    await metadata.close();
    logged.length = 0;
    const cluster = await open(store);
    expect(cluster.config.levels.cluster).toEqual(new Map([["log.retention.ms", "77"]]));
    expect(cluster.config.numPartitions).toBe(1);
    expect(logged).toHaveLength(3);
    await cluster.close();
  });
});

it("what is dynamic is what Kafka has as dynamic", () => {
  const names = allBrokerSettings.map(({ name }) => name);
  for (const name of [
    "log.retention.ms",
    "message.max.bytes",
    "compression.type",
    "producer.id.expiration.ms",
  ])
    expect([name, isDynamic(name)]).toEqual([name, true]);
  for (const name of names.filter((each) =>
    /^(num|socket|offsets?|group|auto|delete|default|max)\./.test(each),
  ))
    expect([name, isDynamic(name)]).toEqual([name, false]);
});
