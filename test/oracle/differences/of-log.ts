import type { Reason } from "../judge.ts";
import { of } from "./difference.ts";

const WRONG = "batches that are wrong";

export const ofLog: readonly Reason[] = [
  {
    what: "Batches are taken as they are, or not at all",
    why:
      "Kafka cuts off bytes that follow a batch, clears the bit that says LogAppendTime, and takes a batch with a producer id and " +
      "no epoch. Rivulet refuses them: what is acknowledged is what was sent.",
    differences: of(
      "Produce",
      [WRONG, "with a byte after it", "*errorCode", "NONE", "INVALID_RECORD"],
      [WRONG, "LogAppendTime, which only the broker sets", "*errorCode", "NONE", "INVALID_RECORD"],
      [WRONG, "what the log holds", "responses{topic}.partitions{2}.*", "*", "*"],
      [WRONG, "what the log holds", "responses{topic}.partitions{22}.*", "*", "*"],
      [
        "sequences that a producer cannot have",
        "a producer without an epoch",
        "*errorCode",
        "NONE",
        "INVALID_RECORD",
      ],
      ["sequences that a producer cannot have", "what the log holds", "*partitions{3}.*", "*", "*"],
    ),
  },
  {
    what: "A magic that nobody knows is not worth a second try",
    why: "Kafka answers CORRUPT_MESSAGE, upon which clients send the same batch again; it cannot become better.",
    differences: of("Produce", [WRONG, "magic 3", "*errorCode", "CORRUPT_MESSAGE", "INVALID_RECORD"]),
  },
  {
    what: "The log's start is told with what is refused",
    why: "Kafka tells it for some of the batches that it does not take, and for others -1.",
    differences: [
      "two at once",
      "cut short",
      "less than a header",
      "magic 0",
      "magic 1",
      "a length beyond the end",
    ].flatMap((step) => of("Produce", [WRONG, step, "*.logStartOffset", "-1", "0"])),
  },
  {
    what: "A batch that was sent again has no append time",
    why: "For a duplicate Kafka answers the batch's own timestamp as if the broker had set it. Rivulet answers -1: nobody has.",
    differences: of("Produce", ["*", "* again", "*logAppendTimeMs", "<an hour ago*>", "-1"]),
  },
  {
    what: "A reader of a later epoch is told where it parted",
    why:
      "A reader whose last epoch the leader does not know yet is told the end of the last one that both know (KIP-595), and goes " +
      "on from there: a replica may have outlived a restored backup. Kafka answers OFFSET_OUT_OF_RANGE.",
    differences: of("Fetch", [
      "leader epochs",
      "with a last epoch that is to come",
      "*errorCode",
      "OFFSET_OUT_OF_RANGE",
      "NONE",
    ]),
  },
  {
    what: "Negative epochs",
    why: "-1 stands for none. Of what is below Kafka makes one thing in Fetch and another in OffsetForLeaderEpoch.",
    differences: [
      ...of("Fetch", ["leader epochs", "below all", "*errorCode", "NONE", "FENCED_LEADER_EPOCH"]),
      ...of(
        "OffsetForLeaderEpoch",
        ["epochs", "-2", "*.leaderEpoch", "-2", "-1"],
        ["epochs", "-2", "*.endOffset", "0", "-1"],
      ),
    ],
  },
  {
    what: "Aborted transactions of a partition that cannot be read",
    why: "Kafka's empty list and Rivulet's null both say that there are none.",
    differences: of("Fetch", ["*", "*", "*abortedTransactions", "[]", "null"]),
  },
  {
    what: "The same partition twice in a Fetch",
    why: "Kafka heeds the last mention, Rivulet all of them.",
    differences: of(
      "Fetch",
      ["partitions", "the same twice", "*", "*", "*"],
      ["topics", "the same twice", "*", "*", "*"],
    ),
  },
  {
    what: "There are no followers",
    why: "A node has no replicas among brokers: whoever reads is a reader, whatever replica id is given.",
    differences: of("Fetch", [
      "other kinds of readers",
      "a follower that nobody knows",
      "*errorCode",
      "NOT_LEADER_OR_FOLLOWER",
      "NONE",
    ]),
  },
  {
    what: "Deleted records are not looked up",
    why:
      "When all records were deleted, Kafka still answers the offset of the one with the greatest timestamp, which nobody can read " +
      "any more.",
    differences: of("ListOffsets", ["after records were deleted", "all of them: -3", "*", "*", "-1"]),
  },
];
