/** What tabs tell each other. A message that is missed does no harm: the store is what counts. */
import type { Settlement } from "../sync/delivery.ts";

export type TabMessage =
  /** Rows of the outbox were added or changed. */
  | { readonly kind: "outbox" }
  | { readonly kind: "settled"; readonly settlement: Settlement }
  /** How far is this partition of a replica? The tab that writes it tells. */
  | { readonly kind: "ask"; readonly replica: string }
  /** A replica's partition has moved: `replica` names it, [from, to) is what it holds. */
  | {
      readonly kind: "replica";
      readonly replica: string;
      readonly from: bigint;
      readonly to: bigint;
      readonly bytes: number;
      readonly highWatermark: bigint | undefined;
    };

export interface TabChannel {
  tell(message: TabMessage): void;
  /** Calls `listener` with what other tabs tell; the answer takes it away again. */
  hear(listener: (message: TabMessage) => void): () => void;
  close(): void;
}

export function openTabChannel(name: string): TabChannel {
  const listeners = new Set<(message: TabMessage) => void>();
  const channel = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);
  channel?.addEventListener("message", ({ data }: MessageEvent<TabMessage>) => {
    for (const listener of listeners) listener(data);
  });
  let isOpen = true;
  return {
    tell: (message) => {
      if (!isOpen) return;
      channel?.postMessage(message);
      // Of one partition this tab may have more than one replica.
      if (message.kind === "replica" || message.kind === "ask")
        for (const listener of listeners) listener(message);
    },
    hear: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      isOpen = false;
      channel?.close();
    },
  };
}
