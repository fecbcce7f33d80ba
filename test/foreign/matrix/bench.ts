/** What the capabilities share: the clients that this machine has, and the table that they fill. */
import { findTool } from "../../tools/require-tool.ts";
import type { Client, ClientKind } from "./client.ts";
import { kinds } from "./kinds.ts";
import { Matrix } from "./matrix.ts";

export const matrix: Matrix = new Matrix(kinds);

/** Those whose tools are there; that others are missing is told, or fails, where they are installed. */
export const available: readonly ClientKind[] = kinds.filter(({ needs }) =>
  needs.every((tool) => findTool(tool) !== undefined),
);

/** Calls with a client of this kind, which is closed at the end. */
export async function withClient<T>(
  kind: ClientKind,
  broker: string,
  call: (client: Client) => Promise<T>,
): Promise<T> {
  const client = kind.connect(broker);
  try {
    return await call(client);
  } finally {
    await client.close();
  }
}

/** A topic name that says whose it is. */
export function topicOf({ name }: ClientKind, what: string): string {
  return `${name.replaceAll(/[^\w-]+/g, "-").replace(/^-/, "")}.${what}`;
}
