/** How badly a simulated disk behaves. Each number is a probability. */
export interface DiskFaults {
  /** A read gives fewer bytes than were asked for and are there. */
  readonly shortReads: number;
  /** A write takes fewer bytes than it was given. */
  readonly shortWrites: number;
  readonly failRead: number;
  /** A write fails, and any part of it is in the file. */
  readonly failWrite: number;
  /** A sync fails: what it was to make durable never will be, though it may still be read for a while. */
  readonly failSync: number;
  /** Others have taken all descriptors. */
  readonly noDescriptor: number;
  /** A call takes long. */
  readonly slow: number;
  /** At power loss: arbitrary 512-byte pieces of what was not synced are left, not only its beginning. */
  readonly torn: number;
}

/** A disk that only forgets what was not synced, from the end. */
export const noDiskFaults: DiskFaults = {
  shortReads: 0,
  shortWrites: 0,
  failRead: 0,
  failWrite: 0,
  failSync: 0,
  noDescriptor: 0,
  slow: 0,
  torn: 0,
};

/** A disk that is as bad as `howBad` says, from 0 to 1. What fails for good is rare at any rate: each time a person has to come. */
export function diskFaults(howBad: number): DiskFaults {
  return {
    shortReads: 0.1 * howBad,
    shortWrites: 0.1 * howBad,
    failRead: 0.0002 * howBad,
    failWrite: 0.002 * howBad,
    failSync: 0.005 * howBad,
    noDescriptor: 0.02 * howBad,
    slow: 0.02 * howBad,
    // Every disk tears.
    torn: 0.2 + 0.5 * howBad,
  };
}
