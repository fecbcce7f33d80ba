/**
 * What all peers of the fan-out bench have in common. A peer takes messages from one source connection; each message is
 * one tick and holds one or more records of RECORD_BYTES. It sends every record to all subscribers as a message of its
 * own, in the way that its users would, or, where it says so, in the best way there is.
 */
export const RECORD_BYTES = 1024;
export const SOURCE_PATH = "/source";
export const SUBSCRIBER_PATH = "/subscriber";

export type PeerCommands = {
  /** Listens on a free port of the loopback interface and answers which. */
  listen: () => Promise<number>;
};

/** The records of one tick, as views. */
export function recordsOf(tick: Uint8Array): Uint8Array[] {
  const count = tick.length / RECORD_BYTES;
  return Array.from({ length: count }, (_, index) =>
    tick.subarray(index * RECORD_BYTES, (index + 1) * RECORD_BYTES),
  );
}
