/** Judges a whole history against the promises, after Jepsen's checker for Kafka: each rule in its own words. */
import type { History } from "../history.ts";
import { acknowledgedIsThere } from "./acknowledged.ts";
import { commitsStay, committedIsReadable } from "./commits.ts";
import { nothingIsTwice } from "./duplicates.ts";
import {
  groupsReadEverything,
  oldMembersAreRefused,
  onePartitionOneOwner,
  partitionsAreHandedOver,
  partitionsAreOwned,
} from "./groups.ts";
import { Ledger } from "./ledger.ts";
import type { CheckSettings } from "./ledger.ts";
import { logsAreWhole, sequencesJoin, topicsAreThere } from "./logs.ts";
import { oneOffsetOneRecord, readIsDurable } from "./one-record.ts";
import { producersKeepOrder, timeRunsForward } from "./order.ts";
import { keysStayTogether, nothingFromNowhere } from "./origins.ts";
import { outboxesTellTheTruth, queuedDoesNotVanish } from "./outboxes.ts";
import { principalsStayApart } from "./principals.ts";
import { deletedIsNotRead, readersMissNothing, readersReachTheEnd } from "./readers.ts";
import { retentionIsDone, retentionTakesWhatIsDue } from "./keeping.ts";
import { replicasAreTheLog, replicasForget } from "./replicas.ts";

/** Rules by the name that their violations begin with. */
const RULES = {
  "acknowledged is durable": acknowledgedIsThere,
  "nothing is twice": nothingIsTwice,
  "one offset, one record": oneOffsetOneRecord,
  "read is durable": readIsDurable,
  "producers keep order": producersKeepOrder,
  "time runs forward": timeRunsForward,
  "readers miss nothing": readersMissNothing,
  "readers reach the end": readersReachTheEnd,
  "deleted is not read": deletedIsNotRead,
  "a replica is the log": replicasAreTheLog,
  "replicas forget": replicasForget,
  "retention takes what is due": retentionTakesWhatIsDue,
  "retention is done": retentionIsDone,
  "queued does not vanish": queuedDoesNotVanish,
  "outboxes tell the truth": outboxesTellTheTruth,
  "principals stay apart": principalsStayApart,
  "nothing from nowhere": nothingFromNowhere,
  "keys stay together": keysStayTogether,
  "logs are whole": logsAreWhole,
  "sequences join": sequencesJoin,
  "topics are there": topicsAreThere,
  "one partition, one owner": onePartitionOneOwner,
  "partitions are handed over": partitionsAreHandedOver,
  "old members are refused": oldMembersAreRefused,
  "commits stay": commitsStay,
  "committed is readable": committedIsReadable,
  "groups read everything": groupsReadEverything,
  "partitions are owned": partitionsAreOwned,
} as const satisfies Readonly<Record<string, (ledger: Ledger) => Iterable<string>>>;

export type CheckerRule = keyof typeof RULES;

export const CHECKER_RULES = Object.keys(RULES) as readonly CheckerRule[];

/** What clients hold at the end matters to these: of a run that did not come to one they would tell nonsense. */
const RULES_OF_THE_END: ReadonlySet<CheckerRule> = new Set([
  "readers reach the end",
  "a replica is the log",
  "replicas forget",
  "retention is done",
  "queued does not vanish",
  "outboxes tell the truth",
  "groups read everything",
  "partitions are owned",
]);

/** One broken promise breaks many records: the first few tell the story. */
const TOLD_MAX = 5;

/** Promises that were broken, each with the name of its rule, ids, places and times; none: all is well. */
export function check(history: History, settings: CheckSettings): string[] {
  const ledger = new Ledger(history, settings);
  const broken: string[] = [];
  ledger.countCompaction();
  for (const name of CHECKER_RULES) {
    if (settings.hasEnded === false && RULES_OF_THE_END.has(name)) continue;
    let times = 0;
    for (const words of RULES[name](ledger)) {
      times += 1;
      if (times <= TOLD_MAX) broken.push(`${name}: ${words}`);
    }
    if (times > TOLD_MAX) broken.push(`${name}: and ${times - TOLD_MAX} more`);
  }
  return broken;
}
