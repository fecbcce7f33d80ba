/**
 * What a client may do with a thing, as bits by the codes of Kafka's AclOperation (KIP-430): everything that can be done with it,
 * since nobody is kept from anything yet.
 */
const Operation = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
} as const;

/** What stands where nobody has asked. */
const NOT_ASKED = -2147483648;

function bits(...operations: readonly (keyof typeof Operation)[]): number {
  return operations.reduce((all, operation) => all | (1 << Operation[operation]), 0);
}

const CONFIGS = ["describeConfigs", "alterConfigs"] as const;
export const TOPIC_OPERATIONS = bits("read", "write", "create", "delete", "alter", "describe", ...CONFIGS);
export const GROUP_OPERATIONS = bits("read", "delete", "describe", ...CONFIGS);
export const CLUSTER_OPERATIONS = bits(
  "create",
  "alter",
  "describe",
  "clusterAction",
  "idempotentWrite",
  ...CONFIGS,
);

/** The operations, where a client has asked for them. */
export function ifAsked(isAsked: boolean, operations: number): number {
  return isAsked ? operations : NOT_ASKED;
}
