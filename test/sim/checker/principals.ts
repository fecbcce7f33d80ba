/** Rule: nothing is sent, or kept, under another principal than the one that published it. */
import type { Ledger } from "./ledger.ts";
import { time } from "./words.ts";

export function* principalsStayApart(ledger: Ledger): Generator<string, void, void> {
  for (const { id, published, sends } of ledger.records.values()) {
    if (published === undefined) continue;
    const { principal, producer } = published.event;
    for (const { event } of sends)
      if (event.principal !== principal)
        yield `${id} of ${principal} was sent as ${event.principal} at ${time(event.atMs)}`;
    for (const row of ledger.outboxRows.get(id) ?? [])
      if (row.producer !== producer) yield `${id} of ${producer} is in the outbox of ${row.producer}`;
  }
}
