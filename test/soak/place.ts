/** A gateway that may be killed at any moment. */
import { setTimeout } from "node:timers/promises";
import type { ProtocolClient } from "../gateway/protocol-client.ts";

/** That it is gone may be known a little later than it shows. */
const EXIT_MS = 10_000;

export interface Place {
  readonly kafkaPort: number;
  readonly httpPort: number;
  /** By name. */
  readonly topicIds: ReadonlyMap<string, string>;
  readonly isGone: () => boolean;
  readonly exited: Promise<unknown>;
}

/** Whether what has failed did so because the gateway is gone, or soon is. */
export async function isLost({ isGone, exited }: Place): Promise<boolean> {
  await Promise.race([exited, setTimeout(EXIT_MS, undefined, { ref: false })]);
  return isGone();
}

/** Runs `task` with a client until the gateway is gone or the task is over; what fails for another reason is thrown. */
export async function withClient(
  place: Place,
  open: () => Promise<ProtocolClient>,
  task: (client: ProtocolClient) => Promise<void>,
): Promise<void> {
  let client: ProtocolClient | undefined;
  try {
    client = await open();
    await task(client);
  } catch (error) {
    const mayBeLost = client === undefined || client.isClosed;
    if (!mayBeLost || !(await isLost(place))) throw error;
  } finally {
    await client?.close();
  }
}
