/** Nobody is signed in: the one error that says so. */
import { ErrorCode, KafkaError } from "../wire/errors.ts";
import { errorText } from "./error-text.ts";

/** What a person is told: `why` says it whole. */
export function signedOut(why: unknown): KafkaError {
  return new KafkaError(ErrorCode.SASL_AUTHENTICATION_FAILED, errorText(why));
}

/** Whether nobody can be signed in with what there is. */
export function isSignedOut(error: unknown): boolean {
  return error instanceof KafkaError && error.code === ErrorCode.SASL_AUTHENTICATION_FAILED;
}
