import { ErrorCode } from "../../wire/errors.ts";
import { Deadline } from "./deadlines.ts";

export interface GroupProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

export interface JoinResult {
  readonly errorCode: number;
  readonly generationId: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly leader: string;
  readonly skipAssignment: boolean;
  readonly memberId: string;
  /** For the leader alone. */
  readonly members: readonly {
    readonly memberId: string;
    readonly groupInstanceId: string | null;
    readonly metadata: Uint8Array;
  }[];
}

export interface SyncResult {
  readonly errorCode: number;
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  readonly assignment: Uint8Array;
}

/** What a member says of itself. Times in milliseconds. */
export interface MemberDetails {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly GroupProtocol[];
}

export const NO_BYTES = new Uint8Array(0);

/** One member of a classic group, and the requests of it that wait for the others. */
export class ClassicMember {
  details: MemberDetails;
  assignment: Uint8Array = NO_BYTES;
  /** Has joined for the first time, and not been answered yet. */
  isNew = false;
  readonly session: Deadline;
  private waitingJoin: ((result: JoinResult) => void) | undefined;
  private waitingSync: ((result: SyncResult) => void) | undefined;

  constructor(details: MemberDetails, onExpired: (member: ClassicMember) => void) {
    this.details = details;
    this.session = new Deadline(() => onExpired(this));
  }

  get memberId(): string {
    return this.details.memberId;
  }
  get isAwaitingJoin(): boolean {
    return this.waitingJoin !== undefined;
  }
  get isAwaitingSync(): boolean {
    return this.waitingSync !== undefined;
  }

  /** The answer to a JoinGroup that waits until all have joined. One that it has asked before is answered with an error. */
  awaitJoin(): Promise<JoinResult> {
    this.answerJoin(joinFailure(ErrorCode.REBALANCE_IN_PROGRESS, this.memberId));
    return new Promise((resolve) => (this.waitingJoin = resolve));
  }

  /** Whether there was one that waited. */
  answerJoin(result: JoinResult): boolean {
    const answer = this.waitingJoin;
    this.waitingJoin = undefined;
    answer?.(result);
    return answer !== undefined;
  }

  awaitSync(): Promise<SyncResult> {
    this.answerSync(syncFailure(ErrorCode.REBALANCE_IN_PROGRESS));
    return new Promise((resolve) => (this.waitingSync = resolve));
  }

  answerSync(result: SyncResult): boolean {
    const answer = this.waitingSync;
    this.waitingSync = undefined;
    answer?.(result);
    return answer !== undefined;
  }

  /** Whether it says the same of its protocols as before. */
  hasProtocols(protocols: readonly GroupProtocol[]): boolean {
    const own = this.details.protocols;
    return (
      own.length === protocols.length &&
      own.every((protocol, index) => {
        const other = protocols[index];
        return (
          other !== undefined && protocol.name === other.name && sameBytes(protocol.metadata, other.metadata)
        );
      })
    );
  }

  metadataOf(protocol: string | null): Uint8Array {
    return this.details.protocols.find(({ name }) => name === protocol)?.metadata ?? NO_BYTES;
  }
}

export function joinFailure(errorCode: number, memberId = ""): JoinResult {
  return {
    errorCode,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: "",
    skipAssignment: false,
    memberId,
    members: [],
  };
}

export function syncFailure(errorCode: number): SyncResult {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_BYTES };
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
