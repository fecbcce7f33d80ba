/** A client asks where a time begins and reads on from there. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { compressionOf, kafkajsClient } from "../../clients/kafkajs.ts";
import { serve, type Served } from "../../served.ts";
import { available, matrix, withClient } from "../bench.ts";
import { CODECS } from "../client.ts";

const TOPIC = "by-time";
/** Not long ago: what is older than a week is not kept. */
const START_MS = Date.now() - 3_600_000;
const BETWEEN_MS = 1000;
const BATCH_RECORDS = 10;

/** Batches of ten records a second apart, each batch with another codec: no codec needs to be read to be found. */
const codecs = CODECS.filter((codec) => codec === "none" || codec === "gzip" || codec === "lz4");
const batches = [...codecs, ...codecs, ...codecs];
const records = batches.length * BATCH_RECORDS;

export function seekByTime(): void {
  let served: Served;
  beforeAll(async () => {
    served = await serve();
    const producer = kafkajsClient(served.broker).producer();
    await producer.connect();
    for (const [batch, codec] of batches.entries()) {
      const messages = Array.from({ length: BATCH_RECORDS }, (_, at) => batch * BATCH_RECORDS + at).map(
        (index) => ({ value: `at ${index}`, timestamp: String(START_MS + index * BETWEEN_MS) }),
      );
      await producer.send({ topic: TOPIC, messages, compression: compressionOf[codec] });
    }
    await producer.disconnect();
  });
  afterAll(() => served.dispose());

  for (const kind of available) {
    test.concurrent(kind.name, async () => {
      // The middle of a batch, and a time between two records: the later one is the first.
      const first = 4 * BATCH_RECORDS + 7;
      const time = START_MS + first * BETWEEN_MS - 400;
      const count = records - first;
      const read = await withClient(kind, served.broker, (client) => client.readFrom(TOPIC, time, count));
      const wanted = Array.from({ length: count }, (_, index) => first + index);
      expect(read.map(({ value }) => value?.toString())).toEqual(wanted.map((index) => `at ${index}`));
      expect(read.map(({ offset }) => Number(offset))).toEqual(wanted);
      expect(Number(read[0]?.timestamp)).toBe(START_MS + first * BETWEEN_MS);
      matrix.shown(kind, "seek");
    });
  }
}
