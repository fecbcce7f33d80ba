import type { Difference, Reason } from "../judge.ts";
import { NOT_THERE, of } from "./difference.ts";

/** APIs that Kafka serves and Rivulet does not, by key. */
function notServed(keys: Readonly<Record<number, string>>): Difference[] {
  return Object.entries(keys).map(([key, note]) => ({
    api: "ApiVersions",
    script: "what is served",
    step: "to a client",
    path: `apiKeys{${key}}`,
    kafka: "*",
    rivulet: NOT_THERE,
    note,
  }));
}

export const unserved: readonly Reason[] = [
  {
    what: "Transactions",
    why: "They are not served yet. A client that asks for a transactional id is told so by an error that ends its attempts.",
    differences: [
      ...notServed({
        24: "AddPartitionsToTxn",
        25: "AddOffsetsToTxn",
        26: "EndTxn",
        27: "WriteTxnMarkers",
        28: "TxnOffsetCommit",
        65: "DescribeTransactions",
        66: "ListTransactions",
      }),
      ...of("Produce", [
        "batches that are wrong",
        "a transactional batch",
        "*errorCode",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
        "INVALID_RECORD",
      ]),
      ...of("InitProducerId", [
        "with a transactional id",
        "*",
        "errorCode",
        "INVALID_*",
        "TRANSACTIONAL_ID_AUTHORIZATION_FAILED",
      ]),
    ],
  },
  {
    what: "Authentication, authorisation and quotas",
    why:
      "Signing in (SASL OAUTHBEARER) is served, and advertised, where the settings ask for it; here they did not. There are no rights and " +
      "no quotas yet.",
    differences: notServed({
      17: "SaslHandshake",
      29: "DescribeAcls",
      30: "CreateAcls",
      31: "DeleteAcls",
      36: "SaslAuthenticate",
      38: "CreateDelegationToken",
      39: "RenewDelegationToken",
      40: "ExpireDelegationToken",
      41: "DescribeDelegationToken",
      48: "DescribeClientQuotas",
      49: "AlterClientQuotas",
      50: "DescribeUserScramCredentials",
      51: "AlterUserScramCredentials",
    }),
  },
  {
    what: "Replicas, directories and the quorum",
    why: "A node is alone and has one directory: there is nothing to move, to elect or to describe.",
    differences: notServed({
      34: "AlterReplicaLogDirs",
      43: "ElectLeaders",
      45: "AlterPartitionReassignments",
      46: "ListPartitionReassignments",
      55: "DescribeQuorum",
      57: "UpdateFeatures",
      64: "UnregisterBroker",
      80: "AddRaftVoter",
      81: "RemoveRaftVoter",
    }),
  },
  {
    what: "Groups of other kinds",
    why: "Share groups and streams groups are not served, and have no settings.",
    differences: [
      ...of("DescribeConfigs", ["of a group", "any", "*.configs{s*.*}", "*", NOT_THERE]),
      ...notServed({
        76: "ShareGroupHeartbeat",
        77: "ShareGroupDescribe",
        78: "ShareFetch",
        79: "ShareAcknowledge",
        83: "InitializeShareGroupState",
        84: "ReadShareGroupState",
        85: "WriteShareGroupState",
        86: "DeleteShareGroupState",
        87: "ReadShareGroupStateSummary",
        88: "StreamsGroupHeartbeat",
        89: "StreamsGroupDescribe",
        90: "DescribeShareGroupOffsets",
        91: "AlterShareGroupOffsets",
        92: "DeleteShareGroupOffsets",
      }),
    ],
  },
  {
    what: "Settings and metrics of clients",
    why: "Clients are not told what to measure (KIP-714), and there is no such thing as their settings.",
    differences: [
      ...notServed({ 74: "ListConfigResources" }),
      ...of("DescribeConfigs", ["of what is not there", "type 16", "*errorCode", "NONE", "INVALID_REQUEST"]),
    ],
  },
  {
    what: "Features",
    why: "Rivulet tells the one feature that clients ask for (`group.version`); the others are for nodes of a cluster to agree on.",
    differences: of(
      "ApiVersions",
      ["what is served", "to a client", "supportedFeatures{*}", "*", NOT_THERE],
      ["what is served", "to a client", "finalizedFeatures{*}", "*", NOT_THERE],
      ["what is served", "to a client", "finalizedFeaturesEpoch", "*", "*"],
    ),
  },
];
