/** What all calls of the admin API do: wait for a connection that is being made, ask, and refuse what was refused. */
import type { LiveConnection } from "../../../sync/live-connection.ts";
import { deferred } from "../../../sync/wait.ts";
import type { Api } from "../../../wire/api.ts";
import { ErrorCode, errorName, KafkaError } from "../../../wire/errors.ts";
import type { Input } from "../../../wire/schema.ts";

/** What a broker may take for a change before it answers that it is still at it. */
export const CHANGE_TIMEOUT_MS = 20_000;

/** Rejects with NETWORK_EXCEPTION when nobody is reached, and with the signal's reason when it aborts. */
export async function ask<Req, Res>(
  upstream: LiveConnection,
  api: Api<Req, Res>,
  body: Input<Req>,
  signal: AbortSignal | undefined,
): Promise<Res> {
  await connected(upstream, signal);
  return unlessAborted(upstream.request(api, body), signal);
}

/** Resolves when there is a connection; one that is tried again after it could not be had is not waited for. */
export async function connected(upstream: LiveConnection, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const settled = deferred<void>();
  const look = (): void => {
    const { name, reason } = upstream.state;
    if (name === "live") settled.resolve();
    else if (name !== "connecting") {
      const why = reason === undefined ? name : `${name}: ${reason}`;
      settled.reject(new KafkaError(ErrorCode.NETWORK_EXCEPTION, `the gateway cannot be asked (${why})`));
    }
  };
  const stop = upstream.onState(look);
  look();
  try {
    await unlessAborted(settled.promise, signal);
  } finally {
    stop();
  }
}

/** Rejects with the signal's reason when it aborts first. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  const over = deferred<never>();
  const onAbort = (): void => over.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, over.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Whichever is late, nobody hears it.
    work.catch(() => undefined);
  }
}

/** Throws what an answer says of the one thing that was asked. */
export function refuse(
  answer: { readonly errorCode: number; readonly errorMessage?: string | null } | undefined,
  what: string,
): void {
  if (answer === undefined)
    throw new KafkaError(ErrorCode.UNKNOWN_SERVER_ERROR, `${what}: the gateway answered nothing for it`);
  const { errorCode, errorMessage } = answer;
  if (errorCode === ErrorCode.NONE) return;
  const why =
    errorMessage === undefined || errorMessage === null || errorMessage === ""
      ? errorName(errorCode)
      : errorMessage;
  throw new KafkaError(errorCode, `${what}: ${why}`);
}
