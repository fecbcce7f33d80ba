/** The line-up. */
import type { Bench } from "./bench.ts";
import { codecsBench } from "./codecs/codecs.ts";
import { consumerGroupsBench } from "./consumer-groups.ts";
import { crc32cBench } from "./crc32c.ts";
import { fanOutBench } from "./fan-out/fan-out.ts";
import { stalledBench } from "./fan-out/stalled.ts";
import { idleFetchBench } from "./idle-fetch.ts";
import { kafkaBench } from "./kafka/kafka.ts";
import { manyBench } from "./many/many.ts";
import { onDeviceBench } from "./on-device/on-device.ts";
import { produceBench } from "./produce/produce.ts";
import { renderBench } from "./render/render.ts";
import { scanBench } from "./scan/scan.ts";
import { sdkStartBench } from "./sdk-start/sdk-start.ts";
import { tabSyncBench } from "./tab-sync/tab-sync.ts";
import { upkeepBench } from "./upkeep/upkeep.ts";

/** In the order in which they are run and printed. */
export const benches: Readonly<Record<string, Bench>> = {
  crc32c: crc32cBench,
  codecs: codecsBench,
  scan: scanBench,
  produce: produceBench,
  "idle-fetch": idleFetchBench,
  "consumer-groups": consumerGroupsBench,
  "fan-out": fanOutBench,
  stalled: stalledBench,
  upkeep: upkeepBench,
  many: manyBench,
  "tab-sync": tabSyncBench,
  "on-device": onDeviceBench,
  render: renderBench,
  "sdk-start": sdkStartBench,
};

/** Those that run only when they are named: they take a quarter of an hour, and tools of their own. */
export const onlyWhenNamed: Readonly<Record<string, Bench>> = { kafka: kafkaBench };
