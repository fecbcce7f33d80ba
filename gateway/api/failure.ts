import { ErrorCode, errorName, KafkaError } from "../../wire/errors.ts";
import type { Services } from "./context.ts";

/** An error as an answer carries it. */
export interface Failure {
  errorCode: number;
  errorMessage: string;
}

/** What a client is told about `error`. Anything but a KafkaError is a fault of ours: logged whole, told in one word. */
export function failureOf(error: unknown, { log }: Pick<Services, "log">): Failure {
  if (error instanceof KafkaError) return { errorCode: error.code, errorMessage: error.message };
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log.error("a request failed in a way that is a fault of the gateway", { stack });
  return {
    errorCode: ErrorCode.UNKNOWN_SERVER_ERROR,
    errorMessage: `${errorName(ErrorCode.UNKNOWN_SERVER_ERROR)}: the gateway failed; its log says why`,
  };
}

/** The answer of `attempt`, or what its error comes to. */
export async function attempted<T, F>(
  attempt: () => T | Promise<T>,
  failed: (error: unknown) => F,
): Promise<T | F> {
  try {
    return await attempt();
  } catch (error) {
    return failed(error);
  }
}
