/** What a gateway gives over HTTP: history in bulk, and its time. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import type { HistorySource } from "../sync/history.ts";

export function httpHistory(base: URL): HistorySource {
  return {
    async *read(topicId, partition, from, signal, token) {
      const url = new URL(`log/${topicId}/${partition}?from=${from}`, base);
      const headers: HeadersInit = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const response = await fetch(url, { signal, headers, cache: "no-store" });
      if (!response.ok || response.body === null) {
        throw new KafkaError(
          ErrorCode.UNKNOWN_SERVER_ERROR,
          `GET ${url.pathname} answered ${response.status}`,
        );
      }
      const reader = response.body.getReader();
      try {
        for (;;) {
          const { done, value } = await reader.read();
          if (done) return;
          yield value;
        }
      } finally {
        await reader.cancel().catch(() => undefined);
      }
    },
  };
}

const TIME_TIMEOUT_MS = 5000;

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
