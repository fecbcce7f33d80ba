import { describe, expect, it } from "vitest";
import { sendHistory, WRITE_BYTES, type StreamedResponse } from "../../gateway/clients/history-stream.ts";
import { systemClock } from "../../gateway/system-clock.ts";
import { batchOf } from "./batches.ts";

/** Of uWebSockets; a chunk's header goes in there, too. */
const CORK_BUFFER_BYTES = 16 * 1024;

describe("history on a response of uWebSockets", () => {
  it("never writes more in one cork than the library's buffer holds, or some of it could be sent twice", async () => {
    const batch = batchOf([Buffer.alloc(3 * WRITE_BYTES, "v")]);
    const corks: number[][] = [];
    let writable: () => boolean = () => true;
    const res: StreamedResponse = {
      onAborted: () => {},
      onWritable: (callback) => void (writable = callback),
      cork: (write) => {
        corks.push([]);
        write();
      },
      write: (bytes) => {
        corks.at(-1)?.push(bytes.byteLength);
        // Every write is too much for the socket, which drains a moment later.
        setImmediate(() => writable());
        return false;
      },
      end: () => {},
      close: () => expect.fail("the response was cut off"),
    };
    const log = {
      topic: "t",
      topicId: "AAAAAAAAAAAAAAAAAAAAAQ",
      partition: 0,
      leaderEpoch: 0,
      logStartOffset: 0n,
      highWatermark: 2n,
      read: (from: bigint) => Promise.resolve({ bytes: batch, from, to: from + 1n }),
    };
    await sendHistory(res, { log: log as never, from: 0n, to: 2n }, systemClock);
    const written = corks.flat().reduce((sum, bytes) => sum + bytes, 0);
    expect(written).toBeGreaterThan(2 * batch.byteLength);
    for (const cork of corks)
      expect(cork.reduce((sum, bytes) => sum + bytes + 32, 0)).toBeLessThan(CORK_BUFFER_BYTES);
  });
});
