/** A replica's settings are made without the table of settings: they are held against it here. */
import { expect, test } from "vitest";
import { brokerConfig, topicConfig } from "../../log/config.ts";
import type { Keep } from "../../web-client/core/api.ts";
import { ReplicaTopic } from "../../web-client/core/replica-topic.ts";

const clock = { now: () => 0, setTimer: () => () => undefined, defer: () => undefined };

function settingsOf(keep: Keep, compacts: boolean, deleteRetentionMs: number) {
  const topic = new ReplicaTopic({
    topic: "orders",
    clock,
    keep,
    cleanup: { compacts, deleteRetentionMs },
    onCleanup: () => undefined,
  });
  topic.addPartition();
  return topic.config;
}

function fromTable(settings: Readonly<Record<string, string>>) {
  const { values: _values, ...config } = topicConfig(
    brokerConfig(new Map()),
    new Map(Object.entries({ "file.delete.delay.ms": "0", "retention.ms": "-1", ...settings })),
  );
  return config;
}

test("a replica of everything", () => {
  expect(settingsOf({}, false, 5000)).toEqual(
    fromTable({
      "cleanup.policy": "",
      "segment.bytes": String(16 * 1024 ** 2),
      "delete.retention.ms": "5000",
    }),
  );
});

test("a replica within bytes and an age", () => {
  expect(settingsOf({ bytes: 8 * 1024 ** 2, ms: 60_001 }, false, 86_400_000)).toEqual(
    fromTable({
      "cleanup.policy": "delete",
      "segment.bytes": String(1024 ** 2),
      "retention.bytes": String(7 * 1024 ** 2),
      "retention.ms": "60001",
      "segment.ms": "7501",
    }),
  );
});

test("a compacted replica", () => {
  expect(settingsOf({ bytes: 8 * 1024 ** 2 }, true, 1234.5)).toEqual(
    fromTable({
      "cleanup.policy": "compact,delete",
      "segment.bytes": String(1024 ** 2),
      "retention.bytes": String(7 * 1024 ** 2),
      "delete.retention.ms": "1234",
    }),
  );
});
