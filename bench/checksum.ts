import { createHash } from "node:crypto";

/** Takes in what is computed as it comes. */
export interface RunningChecksum {
  add(computed: Uint8Array | number | string): void;
  /** Twelve hex digits of a SHA-256 over everything so far, in order: enough to see that two runs agree. */
  digest(): string;
}

export function startChecksum(): RunningChecksum {
  const hash = createHash("sha256");
  return {
    add: (computed) => void hash.update(typeof computed === "object" ? computed : `${computed};`),
    digest: () => hash.copy().digest("hex").slice(0, 12),
  };
}

export function checksum(computed: Iterable<Uint8Array | number | string>): string {
  const running = startChecksum();
  for (const each of computed) running.add(each);
  return running.digest();
}
