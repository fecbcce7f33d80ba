/** What tabs tell each other. A message that is missed does no harm: the store is what counts. */
import type { Settlement } from "../../sync/delivery.ts";

export type TabMessage =
  /** Rows of the outbox were added or changed, or may have been: another tab delivers from now on. */
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
      /** What was cut off last of what was held: from `to` on it is gone, or is others now. */
      readonly cut?: { readonly id: number; readonly to: bigint } | undefined;
    };

/** A tab's end of what the host has for tabs to talk to each other. */
export interface TabPort {
  /** To all other tabs; not to itself. */
  post(message: TabMessage): void;
  close(): void;
}

export interface TabChannel {
  tell(message: TabMessage): void;
  /** Calls `listener` with what other tabs tell; the answer takes it away again. */
  hear(listener: (message: TabMessage) => void): () => void;
  close(): void;
}

/** `openPort` is handed the ear for what other tabs tell. */
export function openTabChannel(openPort: (hear: (message: TabMessage) => void) => TabPort): TabChannel {
  const listeners = new Set<(message: TabMessage) => void>();
  const tellListeners = (message: TabMessage): void => {
    for (const listener of listeners) listener(message);
  };
  const port = openPort(tellListeners);
  let isOpen = true;
  return {
    tell: (message) => {
      if (!isOpen) return;
      port.post(message);
      // Of one partition this tab may have more than one replica.
      if (message.kind === "replica" || message.kind === "ask") tellListeners(message);
    },
    hear: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => {
      isOpen = false;
      port.close();
    },
  };
}
