import type { Reason } from "../judge.ts";
import { NOT_THERE, of } from "./difference.ts";

export const acrossApis: readonly Reason[] = [
  {
    what: "Errors come with a sentence",
    why: "Where an error has room for text Rivulet says what happened, where, and what to do. Kafka often leaves it empty.",
    differences: of("*", ["*", "*", "*rrorMessage", "null", "text"]),
  },
  {
    what: "No error, no sentence",
    why: "Kafka writes the word NONE where FindCoordinator has succeeded.",
    differences: of("FindCoordinator", ["*", "*", "*errorMessage", "text", "null"]),
  },
  {
    what: "A topic without partitions stays in the answer",
    why:
      "Kafka leaves out of most answers what was asked for with an empty list of partitions; Rivulet answers with the same " +
      "empty list. Nobody asks so.",
    differences: [
      ...of("Produce", ["nothing to produce", "no partitions", "responses{topic}", NOT_THERE, "*"]),
      ...of("Fetch", ["partitions", "none", "responses{topic}", NOT_THERE, "*"]),
      ...of("OffsetCommit", ["without members", "none", "topics{topic}", NOT_THERE, "*"]),
      ...["DeleteRecords", "DescribeLogDirs", "ListOffsets", "OffsetDelete"].flatMap((api) =>
        of(api, ["*", "no partitions", "*topics{topic}", NOT_THERE, "*"]),
      ),
    ],
  },
  {
    what: "What is named twice is answered twice",
    why:
      "Of two mentions of a partition in one request Kafka heeds the last, or answers once. Rivulet does and answers both, in " +
      "order: of two batches that were sent, Kafka keeps one and acknowledges it.",
    differences: [
      ...of("Produce", ["the same partition twice", "*", "*", "*", "*"]),
      ...of("DeleteRecords", ["topics", "the same*", "* again}", NOT_THERE, "*"]),
      ...of("DescribeLogDirs", ["of topics", "the same twice", "* again}", NOT_THERE, "*"]),
    ],
  },
  {
    what: "What may be large is answered once",
    why:
      "Where a few bytes of a request are answered with all that a group or a partition holds, Rivulet answers the first mention " +
      "only, so that a small request cannot ask for a huge answer.",
    differences: [
      ...of("DescribeGroups", ["in each state", "the same twice", "groups{stable again}", "*", NOT_THERE]),
      ...of("OffsetFetch", ["of several groups", "the same twice", "groups{a again}", "*", NOT_THERE]),
      ...of("DescribeConfigs", [
        "of a topic",
        "of the same twice",
        "*{topic again}.errorCode",
        "NONE",
        "INVALID_REQUEST",
      ]),
      ...of("DescribeProducers", ["of partitions", "the same twice", "*{1 again}", "*", NOT_THERE]),
    ],
  },
  {
    what: "What cannot be read ends the connection",
    why: "So it does in Kafka, but there any negative count stands for null, and text that is no UTF-8 is taken with replacements.",
    differences: of(
      "Metadata",
      ["what cannot be read", "a negative count", "", "an answer", "connection closed"],
      ["what cannot be read", "a name that is no UTF-8", "", "an answer", "connection closed"],
    ),
  },
  {
    what: "No UNKNOWN_SERVER_ERROR for bad requests",
    why:
      "Some requests that make no sense end in an exception within Kafka, which it answers with UNKNOWN_SERVER_ERROR. Rivulet " +
      "names the error, or where a value is harmless (an isolation level that nobody knows, a negative limit) does without it.",
    differences: [
      ...of(
        "Produce",
        [
          "batches that are wrong",
          "a codec that is none",
          "*errorCode",
          "UNKNOWN_SERVER_ERROR",
          "UNSUPPORTED_COMPRESSION_TYPE",
        ],
        ["batches that are wrong", "said to be gzip", "*errorCode", "UNKNOWN_SERVER_ERROR", "INVALID_RECORD"],
      ),
      ...of(
        "Fetch",
        ["limits", "a negative number of bytes*", "*errorCode", "UNKNOWN_SERVER_ERROR", "NONE"],
        ["isolation levels", "*", "*errorCode", "UNKNOWN_SERVER_ERROR", "NONE"],
      ),
      ...of("ListOffsets", ["isolation levels", "*", "*errorCode", "UNKNOWN_SERVER_ERROR", "NONE"]),
      ...of("DescribeTopicPartitions", [
        "of topics that are not there",
        "an empty name",
        "*errorCode",
        "UNKNOWN_SERVER_ERROR",
        "INVALID_TOPIC_EXCEPTION",
      ]),
      ...of("Metadata", [
        "of topics by id",
        "zero",
        "topics*errorCode",
        "UNKNOWN_SERVER_ERROR",
        "UNKNOWN_TOPIC_ID",
      ]),
      ...of("Metadata", ["of topics by id", "zero", "*", "*", "*"]),
      ...of("IncrementalAlterConfigs", [
        "of a topic",
        "an operation that is none",
        "*errorCode",
        "UNKNOWN_SERVER_ERROR",
        "INVALID_REQUEST",
      ]),
    ],
  },
];
