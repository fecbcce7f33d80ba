import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { formatHostAndPort, type HostAndPort } from "./settings.ts";

/** What an operator can do about the system's reasons not to listen. */
const ADVICE: Readonly<Record<string, string>> = {
  EADDRINUSE: "the port is taken, perhaps by another gateway",
  EACCES: "this user may not open that port",
  EADDRNOTAVAIL: "this machine does not have that address",
  ENOTFOUND: "that name leads nowhere",
};

/** Why a listener could not be opened, in one line. `flag` is the setting that would change it. */
export function listenError(forWhom: string, flag: string, at: HostAndPort, cause: unknown): KafkaError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const reason = ADVICE[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new KafkaError(
    ErrorCode.BROKER_NOT_AVAILABLE,
    `cannot listen for ${forWhom} on ${formatHostAndPort(at)}: ${reason}; choose another with ${flag} or --host`,
    { cause },
  );
}
