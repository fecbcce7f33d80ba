import type { Aim, Table } from "../report.ts";

/** What each part of the bench hands back. */
export interface Part {
  readonly table: Table;
  readonly aims: readonly Aim[];
  readonly counts: Readonly<Record<string, number>>;
  /** Of what was computed. */
  readonly hash: string;
}
