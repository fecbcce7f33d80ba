/**
 * The client's message of SASL OAUTHBEARER (RFC 7628, 3.1), in which a token travels:
 *
 *     message := flag "," [ "a=" authzid ] "," SOH pair* SOH       flag "n" or "y": no channel binding
 *     pair    := key "=" value SOH                                 one of them: auth=Bearer <token>
 *
 * All of it is ASCII. Nothing of a message is ever repeated in an error: it holds a secret.
 */
import { ErrorCode, KafkaError } from "./errors.ts";

export const OAUTHBEARER = "OAUTHBEARER";

/** Pairs beside the token are for others than us (host, port, Kafka's extensions); more than this is no client's doing. */
const PAIRS_MAX = 32;

const HEADER = /^[ny],(?:a=((?:[^\0=,]|=2C|=3D)+))?,$/;
const PAIR = /^([A-Za-z]+)=([\x21-\x7e \t\r\n]*)$/;
const BEARER = /^bearer +([A-Za-z0-9\-._~+/]+=*)$/i;

export interface OauthbearerMessage {
  /** What is signed in with. */
  readonly token: string;
  /** Whom the client wants to be; undefined: whom the token names. */
  readonly authzid: string | undefined;
}

export function encodeOauthbearer(token: string): Uint8Array {
  return new TextEncoder().encode(`n,,\x01auth=Bearer ${token}\x01\x01`);
}

/** Throws KafkaError SASL_AUTHENTICATION_FAILED for anything but such a message. */
export function decodeOauthbearer(message: Uint8Array): OauthbearerMessage {
  if (!message.every((byte) => byte < 0x80)) throw malformed("it is not ASCII");
  const parts = new TextDecoder().decode(message).split("\x01", PAIRS_MAX + 4);
  // Two separators at the end leave two empty parts behind them.
  const [header = "", ...pairs] = parts;
  if (pairs.pop() !== "" || pairs.pop() !== "") throw malformed("it does not end as it should");
  if (pairs.length > PAIRS_MAX) throw malformed(`it has more than ${PAIRS_MAX} pairs`);
  const found = HEADER.exec(header);
  if (found === null) throw malformed("its header is not that of a client without channel binding");
  const values = new Map<string, string>();
  for (const pair of pairs) {
    const [, key, value] = PAIR.exec(pair) ?? [];
    if (key === undefined || value === undefined) throw malformed("one of its pairs is not key=value");
    if (values.has(key)) throw malformed("it says one thing twice");
    values.set(key, value);
  }
  const token = BEARER.exec(values.get("auth") ?? "")?.[1];
  if (token === undefined) throw malformed("it has no auth=Bearer <token>");
  return { token, authzid: found[1]?.replaceAll("=2C", ",").replaceAll("=3D", "=") };
}

function malformed(why: string): KafkaError {
  return new KafkaError(
    ErrorCode.SASL_AUTHENTICATION_FAILED,
    `the message of SASL OAUTHBEARER is malformed: ${why}`,
  );
}
