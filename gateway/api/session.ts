/**
 * Who a connection speaks for. Where nobody has to sign in, everybody is the same one. Else little is served until
 * SaslHandshake and SaslAuthenticate have let somebody in, and nothing after what they have brought has run out, unless
 * it is renewed on the same connection (KIP-368).
 */
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { decodeOauthbearer, OAUTHBEARER } from "../../wire/oauthbearer.ts";
import { apiVersions } from "../../wire/apis/api-versions.ts";
import { saslAuthenticate } from "../../wire/apis/sasl-authenticate.ts";
import { saslHandshake } from "../../wire/apis/sasl-handshake.ts";
import { Deadline } from "../coordinator/deadlines.ts";
import { Ending } from "./endings.ts";
import type { Grant, SignIn } from "./sign-in.ts";

/** Kafka's name for whoever has not signed in. */
export const ANONYMOUS = "User:ANONYMOUS";

/** Requests that a client may need until it is signed in. */
const REQUESTS_MAX = 16;

const BEFORE: ReadonlySet<number> = new Set([apiVersions.key, saslHandshake.key, saslAuthenticate.key]);

/** What a session asks of its connection. */
export interface SessionHost {
  /** What it is told has happened to somebody who is not, or no longer, let in. */
  close(reason: string): void;
  /** Somebody has been let in for the first time. */
  signedIn(): void;
}

/** An answer of SaslAuthenticate; with `refused` the connection is closed behind it. */
export interface Authenticated {
  errorCode: number;
  errorMessage: string | null;
  lifetimeMs: number;
  refused: boolean;
}

export class Session {
  private readonly signIn: SignIn | undefined;
  private readonly host: SessionHost;
  private readonly deadline: Deadline;
  private readonly ending: Ending;
  private grant: Grant | undefined;
  private requests = 0;
  /** `chosen`: a mechanism has been chosen, and its message is next. */
  private exchange: "none" | "chosen" | "checking" = "none";
  private hasEnded = false;

  /** `signIn` undefined: nobody has to sign in. */
  constructor(signIn: SignIn | undefined, host: SessionHost) {
    this.signIn = signIn;
    this.host = host;
    this.deadline = new Deadline(() => host.close("nobody has signed in for too long"));
    this.ending = new Ending(() => host.close("the session has ended with its token; sign in again"));
    signIn?.wait(this.deadline, () => host.close("too many connections wait for somebody to sign in"));
  }

  /** `User:<name>`. */
  get principal(): string {
    return this.grant?.principal ?? ANONYMOUS;
  }

  /** Whether everything is served: somebody is signed in, or nobody has to. */
  get isOpen(): boolean {
    return this.signIn === undefined || this.grant !== undefined;
  }

  /** Most bytes of a request as long as nobody is signed in; undefined: nobody has to. */
  get requestBytesMax(): number | undefined {
    return this.signIn?.requestBytesMax;
  }

  /** Why a request cannot be served now; undefined: it can. Counts those before signing in. */
  refusal({ key, name }: { key: number; name: string }): string | undefined {
    const { signIn, grant } = this;
    if (signIn === undefined) return undefined;
    if (grant !== undefined) {
      return signIn.isOver(grant) ? "the session has ended with its token; sign in again" : undefined;
    }
    if (!BEFORE.has(key)) return `ILLEGAL_SASL_STATE: ${name} before anybody has signed in; sign in first`;
    if (++this.requests > REQUESTS_MAX) return `more than ${REQUESTS_MAX} requests before signing in`;
    return undefined;
  }

  /** Chooses a mechanism. An error closes the connection behind its answer. */
  choose(mechanism: string): number {
    if (this.signIn === undefined || this.exchange !== "none") return ErrorCode.ILLEGAL_SASL_STATE;
    if (mechanism !== OAUTHBEARER) return ErrorCode.UNSUPPORTED_SASL_MECHANISM;
    this.exchange = "chosen";
    return ErrorCode.NONE;
  }

  /** Lets somebody in, or says why not. Rejects when it cannot be told now whether to. */
  async authenticate(message: Uint8Array): Promise<Authenticated> {
    const { signIn } = this;
    if (signIn === undefined || this.exchange !== "chosen") {
      return refused(
        ErrorCode.ILLEGAL_SASL_STATE,
        "SaslAuthenticate comes after SaslHandshake, once for each",
      );
    }
    this.exchange = "checking";
    try {
      const { token, authzid } = decodeOauthbearer(message);
      this.enter(await signIn.check(token), authzid);
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== ErrorCode.SASL_AUTHENTICATION_FAILED) throw error;
      await signIn.afterFailure();
      return refused(error.code, error.message);
    } finally {
      this.exchange = "none";
    }
    const lifetimeMs = this.grant?.lifetimeMs ?? 0;
    return { errorCode: ErrorCode.NONE, errorMessage: null, lifetimeMs, refused: false };
  }

  /** The connection is gone. */
  end(): void {
    this.hasEnded = true;
    this.signIn?.waitNoMore(this.deadline);
    this.signIn?.endings.cancel(this.ending);
  }

  private enter(grant: Grant, authzid: string | undefined): void {
    if (authzid !== undefined && `User:${authzid}` !== grant.principal)
      throw failed("the message asks to be somebody else than its token names");
    if (this.grant !== undefined && this.grant.principal !== grant.principal)
      throw failed("a connection stays with who has signed in on it; open another one for somebody else");
    if (this.hasEnded) return;
    const isFirst = this.grant === undefined;
    this.grant = grant;
    this.signIn?.waitNoMore(this.deadline);
    this.signIn?.endings.set(this.ending, grant.endsAtMs);
    if (isFirst) this.host.signedIn();
  }
}

function failed(message: string): KafkaError {
  return new KafkaError(ErrorCode.SASL_AUTHENTICATION_FAILED, message);
}

function refused(errorCode: number, errorMessage: string): Authenticated {
  return { errorCode, errorMessage, lifetimeMs: 0, refused: true };
}
