/** What tabs tell each other. A message that is missed does no harm: the store is what counts. */
import type { Settlement } from "../../sync/delivery.ts";

export type TabMessage =
  /** Told every second by the tab that leads, and to who asks; the later term is the one that counts. */
  | { readonly kind: "leads"; readonly leader: string; readonly term: number }
  | { readonly kind: "who leads" }
  /**
   * To the tab that leads under this term: `tab` waits for its word on the channel of the two (`tab-link.ts`). `canDeliver`: as
   * far as it knows; told again when that changes. Former versions of this code do not say.
   */
  | { readonly kind: "hello"; readonly tab: string; readonly term: number; readonly canDeliver?: boolean }
  /** Rows of the outbox were added or changed, or may have been: another tab delivers from now on. */
  | { readonly kind: "outbox" }
  | { readonly kind: "settled"; readonly settlement: Settlement }
  /** This partition of a replica does not get on, and why, or does again: told by the tab that writes it. */
  | { readonly kind: "standing"; readonly replica: string; readonly trouble: Trouble | undefined }
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

/** Why a partition of a replica does not get on. */
export interface Trouble {
  readonly state: "waiting" | "deleted" | "failed";
  readonly reason: string;
}

/** A tab's end of what the host has for tabs to talk to each other. */
export interface TabPort<Message> {
  /** To all other tabs; not to itself. The message is copied, with the whole memory of what it has a view on. */
  post(message: Message): void;
  close(): void;
}

/** Joins the tabs that share this name; `hear` gets what the others post, in the order of each. */
export type OpenPort = <Message>(name: string, hear: (message: Message) => void) => TabPort<Message>;

export interface TabChannel {
  tell(message: TabMessage): void;
  /** Calls `listener` with what other tabs tell; the answer takes it away again. */
  hear(listener: (message: TabMessage) => void): () => void;
  close(): void;
}

const OF_REPLICAS: ReadonlySet<TabMessage["kind"]> = new Set(["replica", "standing", "ask"]);

/** `openPort` is handed the ear for what other tabs tell. */
export function openTabChannel(
  openPort: (hear: (message: TabMessage) => void) => TabPort<TabMessage>,
): TabChannel {
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
      if (OF_REPLICAS.has(message.kind)) tellListeners(message);
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
