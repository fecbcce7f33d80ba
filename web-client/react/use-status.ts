import { useCallback, useRef, useSyncExternalStore } from "react";
import type { ConnectionState, Rivulet } from "../index.ts";

export interface Status {
  readonly connection: ConnectionState;
  readonly outbox: {
    /** Records that will be delivered without anyone's doing. */
    readonly pending: number;
    /** Records that wait for a word of the app. */
    readonly asking: number;
    readonly problem: string | undefined;
  };
}

/** The connection and the outbox, drawn anew with each change. */
export function useStatus(rivulet: Rivulet): Status {
  const last = useRef<Status>(undefined);
  const subscribe = useCallback(
    (onChange: () => void) => {
      rivulet.addEventListener("state", onChange);
      rivulet.outbox.addEventListener("change", onChange);
      return () => {
        rivulet.removeEventListener("state", onChange);
        rivulet.outbox.removeEventListener("change", onChange);
      };
    },
    [rivulet],
  );
  // React compares by identity: while nothing has changed it is the same object.
  const read = (): Status => {
    const status = statusOf(rivulet);
    if (last.current === undefined || !isSame(last.current, status)) last.current = status;
    return last.current;
  };
  return useSyncExternalStore(subscribe, read, read);
}

function statusOf({ state, outbox: { pending, asking, problem } }: Rivulet): Status {
  return { connection: state, outbox: { pending, asking, problem } };
}

function isSame(a: Status, b: Status): boolean {
  return (
    a.connection.name === b.connection.name &&
    a.connection.reason === b.connection.reason &&
    a.outbox.pending === b.outbox.pending &&
    a.outbox.asking === b.outbox.asking &&
    a.outbox.problem === b.outbox.problem
  );
}
