/** What a gateway gives over HTTP: history in bulk, and its time. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { unreachable } from "./address.ts";
import type { ClosedSegmentSource, HistorySource, ListedSegment, SegmentListing } from "../sync/history.ts";

export function httpHistory(base: URL): HistorySource {
  return {
    async *read(topicId, partition, from, signal, token) {
      const url = new URL(`log/${topicId}/${partition}?from=${from}`, base);
      yield* bodyOf(await get(url, { signal, headers: authorization(token), cache: "no-store" }));
    },
    closed: httpSegments(base),
  };
}

function httpSegments(base: URL): ClosedSegmentSource {
  return {
    async list({ topicId, partition }, from, signal, token) {
      const url = new URL(`log/${topicId}/${partition}/segments?from=${from}`, base);
      const response = await get(url, { signal, headers: authorization(token), cache: "no-store" });
      return segmentListing(await response.json());
    },
    async *read({ topicId, partition }, { from, to, bytes, digest }, position, signal, token) {
      const url = new URL(`log/${topicId}/${partition}/${from}-${to}/${digest}`, base);
      const headers = authorization(token);
      if (position > 0) headers["range"] = `bytes=${position}-${bytes - 1}`;
      // What is asked for from its start may come from, and go into, the browser's cache.
      const response = await get(url, { signal, headers });
      // A server, or a cache on the way, may always answer with the whole.
      yield* withoutFirst(bodyOf(response), response.status === 206 ? 0 : position);
    },
  };
}

/** What a gateway lists. Throws KafkaError for anything else. */
function segmentListing(answer: unknown): SegmentListing {
  const wrong = (): KafkaError =>
    new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, "the gateway's list of segments is not one");
  const { highWatermark, segments } = (answer ?? {}) as { highWatermark?: unknown; segments?: unknown };
  const offset = (text: unknown): bigint => {
    if (typeof text !== "string" || !/^\d{1,19}$/.test(text)) throw wrong();
    return BigInt(text);
  };
  if (!Array.isArray(segments)) throw wrong();
  const listed = segments.map((segment: Record<keyof ListedSegment, unknown> | null) => {
    const { from, to, bytes, digest } = segment ?? {};
    if (typeof digest !== "string" || !/^[0-9a-f]{8}$/.test(digest)) throw wrong();
    if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes <= 0) throw wrong();
    return { from: offset(from), to: offset(to), bytes, digest };
  });
  return { highWatermark: offset(highWatermark), segments: listed };
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

async function get(url: URL, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (response.ok) return response;
  await response.body?.cancel();
  throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, `GET ${url.pathname} answered ${response.status}`);
}

async function* bodyOf({ body }: Response): AsyncGenerator<Uint8Array, void, void> {
  const reader = body?.getReader();
  if (reader === undefined) return;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function* withoutFirst(
  body: AsyncIterable<Uint8Array>,
  bytes: number,
): AsyncGenerator<Uint8Array, void, void> {
  let left = bytes;
  for await (const piece of body) {
    if (left < piece.byteLength) yield left === 0 ? piece : piece.subarray(left);
    left = Math.max(left - piece.byteLength, 0);
  }
}

const TIME_TIMEOUT_MS = 5000;

/** Resolves when something answers there, whatever it says; rejects when nothing does within five seconds. */
export async function knock(base: URL): Promise<void> {
  const signal = AbortSignal.timeout(TIME_TIMEOUT_MS);
  try {
    // An answer is an answer, also where the page may not read it.
    await fetch(new URL("healthz", base), { mode: "no-cors", cache: "no-store", signal });
  } catch {
    throw new Error(unreachable(base));
  }
}

/** Milliseconds since the epoch by the gateway's clock; rejects when it does not tell. */
export async function serverTime(base: URL): Promise<number> {
  const response = await fetch(new URL("healthz", base), {
    cache: "no-store",
    signal: AbortSignal.timeout(TIME_TIMEOUT_MS),
  });
  const { nowMs } = (await response.json()) as { nowMs?: unknown };
  if (typeof nowMs !== "number" || !Number.isFinite(nowMs))
    throw new Error("the gateway does not tell its time");
  return nowMs;
}
