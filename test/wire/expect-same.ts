import { isDeepStrictEqual } from "node:util";
import { expect } from "vitest";

/** As `toStrictEqual`, without its cost on long byte arrays where all is well. `hint` leads back to the case. */
export function expectSame(read: unknown, written: unknown, hint: string): void {
  if (!isDeepStrictEqual(read, written)) expect(read, hint).toStrictEqual(written);
}
