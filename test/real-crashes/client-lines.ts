/** What a client process is told when it starts, and what it says, a line each. */
import type { HistoryEvent } from "../sim/history.ts";
import type { MemberOptions } from "../sim/workload/group-life.ts";

export interface ClientOptions {
  /** Of this one life of it. */
  readonly name: string;
  readonly kafkaPort: number;
  readonly seed: number;
  readonly topics: readonly { readonly name: string; readonly partitions: number }[];
  /** Left out: it is a producer. */
  readonly group?: MemberOptions;
}

export type Told =
  | { readonly event: HistoryEvent }
  | { readonly violation: string }
  /** Of one that is to come to an end: what it waits for; null: nothing. */
  | { readonly waits: string | null };

const BIGINT = /^-?\d+n$/;

export function toLine(told: Told): string {
  return JSON.stringify(told, (_key, value: unknown) => (typeof value === "bigint" ? `${value}n` : value));
}

export function fromLine(line: string): Told {
  return JSON.parse(line, (_key, value: unknown) =>
    typeof value === "string" && BIGINT.test(value) ? BigInt(value.slice(0, -1)) : value,
  ) as Told;
}
