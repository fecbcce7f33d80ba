import { expect, test } from "vitest";
import type { ReceivedRecord } from "../../web-client/index.ts";
import { LocalList } from "../../web-client/react/local-list.ts";

function record(partition: number, offset: bigint, value = "as it was"): ReceivedRecord<string, string> {
  const bytes = { keyBytes: null, valueBytes: new TextEncoder().encode(value) };
  return {
    topic: "t",
    partition,
    offset,
    timestamp: Number(offset),
    key: null,
    value,
    headers: [],
    ...bytes,
  };
}

const drawn = (list: LocalList<string, string>): string[] =>
  list.records.map(({ partition, offset, value }) => `${partition}:${offset} ${value}`);

test("where a replica was cut back or is built anew, what was there before is drawn no more, nor twice", () => {
  const list = new LocalList<string, string>(10);
  for (const offset of [0n, 1n, 2n, 3n]) list.add(record(0, offset));
  list.add(record(1, 2n));
  list.add(record(0, 2n, "anew"));
  expect(drawn(list)).toEqual(["0:0 as it was", "0:1 as it was", "1:2 as it was", "0:2 anew"]);
  list.add(record(0, 3n, "anew"));
  list.add(record(0, 0n, "anew"));
  expect(drawn(list).filter((each) => each.startsWith("0:"))).toEqual(["0:0 anew"]);
});
