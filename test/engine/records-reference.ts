/** The record grammar said as simply as can be, to test the engine against. */

export type Verdict = "sound" | "bad records" | "bad offset";

export interface Judgement {
  verdict: Verdict;
  /** Of the records up to the first that is not sound. */
  timestampDeltas: bigint[];
}

/** What is wrong with `count` records that should fill `bytes`, and what they say of their times. */
export function judgeRecords(bytes: Uint8Array, count: number, lastDelta: number): Judgement {
  const timestampDeltas: bigint[] = [];
  const judged = (verdict: Verdict): Judgement => ({ verdict, timestampDeltas });
  let at = 0;
  let end = bytes.length;
  const fail = (): never => {
    throw new RangeError("not a record");
  };
  const byte = (): number => (at < end ? (bytes[at++] ?? 0) : fail());
  const varint = (bits: 32 | 64): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const next = byte();
      value |= BigInt(next & 127) << shift;
      if (value >> BigInt(bits) !== 0n || shift + 7n > BigInt(bits) + 6n) fail();
      if (next < 128) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n));
    }
  };
  const skip = (least: number): void => {
    const length = Number(varint(32));
    if (length < least || Math.max(length, 0) > end - at) fail();
    at += Math.max(length, 0);
  };
  let previous = -1;
  try {
    if (count * 7 > bytes.length) fail();
    for (let index = 0; index < count; index++) {
      end = bytes.length;
      const length = Number(varint(32));
      if (length < 0 || length > end - at) fail();
      end = at + length;
      byte();
      timestampDeltas.push(varint(64));
      const delta = Number(varint(32));
      skip(-1);
      skip(-1);
      const headers = Number(varint(32));
      if (headers < 0) fail();
      for (let header = 0; header < headers; header++) {
        skip(0);
        skip(-1);
      }
      if (at !== end) fail();
      if (delta <= previous || delta > lastDelta) return judged("bad offset");
      previous = delta;
    }
  } catch (error) {
    if (error instanceof RangeError) return judged("bad records");
    throw error;
  }
  return judged(at === bytes.length ? "sound" : "bad records");
}
