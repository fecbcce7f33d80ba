/** A tab that leads, alone, from the beginning to the end. */
import type { Leading, LeadingGround } from "../../web-client/core/leading.ts";
import type { TabLocks } from "../../web-client/core/locks.ts";

/** `writers` is shared by all that write in one place. What is deleted stays where it is. */
export function leads(ground: LeadingGround, writers: TabLocks): Leading {
  return {
    writers,
    whileLeading: (signal, work) => work(ground, signal),
    deleteHeld: () => Promise.resolve(),
  };
}
