import { KafkaError } from "../wire/errors.ts";
import { fullJitterMs, RETRY_BACK_OFF } from "./back-off.ts";
import type { Connection } from "./connection.ts";
import type { LiveConnection } from "./live-connection.ts";
import { sleep } from "./wait.ts";

/**
 * Asks as soon as there is a connection, and again for as long as what fails may succeed later. Rejects when the signal
 * aborts, when the upstream is closed, and with what trying again cannot mend.
 */
export async function whenAnswered<T>(
  upstream: LiveConnection,
  signal: AbortSignal,
  ask: (connection: Connection) => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    const connection = await upstream.live(signal);
    try {
      return await ask(connection);
    } catch (error) {
      if (!(error instanceof KafkaError) || !error.retriable) throw error;
    }
    await sleep(upstream.clock, fullJitterMs(attempt, upstream.random, RETRY_BACK_OFF), signal);
  }
}
