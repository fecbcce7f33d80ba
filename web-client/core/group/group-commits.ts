/** Commits of one member: one at a time, again for as long as that may help, with the epoch that the member has by then. */
import { RETRY_BACK_OFF, fullJitterMs } from "../../../sync/back-off.ts";
import { commitOffsets } from "../../../sync/group/group-offsets.ts";
import type { OffsetToCommit } from "../../../sync/group/group-offsets.ts";
import type { LiveConnection } from "../../../sync/live-connection.ts";
import { sleep } from "../../../sync/wait.ts";
import { ErrorCode, errorName, isRetriable, KafkaError } from "../../../wire/errors.ts";

export interface GroupCommitsOptions {
  readonly upstream: LiveConnection;
  readonly groupId: string;
  readonly memberId: string;
  readonly instanceId: string | undefined;
  /** undefined while it is not in the group. */
  readonly epoch: () => number | undefined;
  readonly onCommitted: (offset: OffsetToCommit) => void;
  /** The group does not know the member as it is here: a heartbeat tells. */
  readonly onStranger: () => void;
}

/** The member is in the group, and the next heartbeat tells its epoch. */
const EPOCH_TO_COME: ReadonlySet<number> = new Set([ErrorCode.STALE_MEMBER_EPOCH]);
const STRANGER: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.STALE_MEMBER_EPOCH,
]);

export class GroupCommits {
  private readonly options: GroupCommitsOptions;
  private last: Promise<void> = Promise.resolve();

  constructor(options: GroupCommitsOptions) {
    this.options = options;
  }

  /**
   * Resolves when they are committed. Rejects with KafkaError: what the first one was refused with for good, or
   * REQUEST_TIMED_OUT after `timeoutMs`; and when the signal aborts.
   */
  commit(offsets: readonly OffsetToCommit[], timeoutMs: number, signal: AbortSignal): Promise<void> {
    const mine = this.last.then(() => this.untilCommitted(offsets, timeoutMs, signal));
    this.last = mine.catch(() => undefined);
    return mine;
  }

  private async untilCommitted(
    offsets: readonly OffsetToCommit[],
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { upstream, groupId } = this.options;
    const deadlineMs = upstream.clock.now() + timeoutMs;
    let open = offsets;
    let why = "nobody is connected";
    for (let attempt = 0; open.length > 0; attempt++) {
      signal.throwIfAborted();
      if (upstream.clock.now() >= deadlineMs)
        throw new KafkaError(ErrorCode.REQUEST_TIMED_OUT, `commit to group ${groupId}: ${why}`);
      try {
        open = await this.tryOnce(open);
        why = "the group's coordinator is not ready";
      } catch (error) {
        if (!(error instanceof KafkaError) || !mayHelpLater(error.code)) throw error;
        why = error.message;
      }
      if (open.length === 0) return;
      const restMs = fullJitterMs(attempt, upstream.random, RETRY_BACK_OFF);
      await sleep(upstream.clock, Math.min(restMs, deadlineMs - upstream.clock.now()), signal);
    }
  }

  /** Answers what is still to be committed. */
  private async tryOnce(offsets: readonly OffsetToCommit[]): Promise<readonly OffsetToCommit[]> {
    const { upstream, groupId, memberId, instanceId } = this.options;
    const { connection } = upstream;
    const epoch = this.options.epoch();
    if (epoch === undefined)
      throw new KafkaError(
        ErrorCode.UNKNOWN_MEMBER_ID,
        `commit to group ${groupId}: this member is not in it now; what it had is read again by who gets it`,
      );
    if (connection === undefined) return offsets;
    const codes = await commitOffsets(connection, { groupId, memberId, epoch, instanceId }, offsets);
    const open = offsets.filter((offset, at) => {
      const code = codes[at] ?? ErrorCode.UNKNOWN_SERVER_ERROR;
      if (code === ErrorCode.NONE) this.options.onCommitted(offset);
      return code !== ErrorCode.NONE;
    });
    const refused = codes.find((code) => code !== ErrorCode.NONE && !mayHelpLater(code));
    if (codes.some((code) => STRANGER.has(code))) this.options.onStranger();
    if (refused === undefined) return open;
    const [first] = offsets.filter((_, at) => codes[at] === refused);
    const where = first === undefined ? "" : `, ${first.topic}-${first.partition}`;
    throw new KafkaError(refused, `commit to group ${groupId}${where}: ${errorName(refused)}`);
  }
}

function mayHelpLater(code: number): boolean {
  // A topic that is gone does not come back under its id.
  if (code === ErrorCode.UNKNOWN_TOPIC_ID || code === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION) return false;
  return isRetriable(code) || EPOCH_TO_COME.has(code);
}
