/** What this page has published lately, from the outbox on this device to its place in the log. */
import { signal, type ReadonlySignal } from "@preact/signals";
import type { Position, Rivulet } from "../index.ts";

export type SendProgress =
  | { readonly step: "queueing" }
  | { readonly step: "queued" }
  | { readonly step: "delivered"; readonly position: Position }
  | { readonly step: "failed"; readonly reason: string };

export interface Sent {
  readonly id: number;
  readonly topic: string;
  readonly progress: SendProgress;
}

export interface Publishing {
  /** Newest first. */
  readonly sent: ReadonlySignal<readonly Sent[]>;
  /**
   * Puts one record of text into the outbox; an empty key is no key. Throws KafkaError when the topic's name or the
   * record cannot be; resolves when the record is safe on this device.
   */
  publish(record: { topic: string; key: string; value: string }): Promise<void>;
}

/** Kafka's rule for names of topics, for a form's field, and in words. */
export const TOPIC_NAME_PATTERN = "[A-Za-z0-9._\\-]{1,249}";
export const TOPIC_NAME_RULE = "Letters, digits, dot, underscore and hyphen; at most 249";

const SENT_MAX = 5;
const encoder = new TextEncoder();

/** `onDelivered` is called with how long it took, in milliseconds: a topic's end has moved, or it is new. */
export function createPublishing(rivulet: Rivulet, onDelivered: (tookMs: number) => void): Publishing {
  const sent = signal<readonly Sent[]>([]);
  let lastId = 0;

  function update(id: number, progress: SendProgress): void {
    sent.value = sent.peek().map((each) => (each.id === id ? { ...each, progress } : each));
  }

  return {
    sent,
    async publish({ topic, key, value }) {
      const since = performance.now();
      const publication = rivulet
        .topic(topic)
        .publish({ key: key === "" ? null : key, value: encoder.encode(value) });
      const id = ++lastId;
      sent.value = [{ id, topic, progress: { step: "queueing" } as const }, ...sent.peek()].slice(
        0,
        SENT_MAX,
      );
      publication.delivered.then(
        (position) => {
          update(id, { step: "delivered", position });
          onDelivered(performance.now() - since);
        },
        (error: unknown) => update(id, { step: "failed", reason: sentence(error) }),
      );
      await publication.queued;
      const now = sent.peek().find((each) => each.id === id);
      if (now?.progress.step === "queueing") update(id, { step: "queued" });
    },
  };
}

/** What went wrong, as a sentence to show. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
