/** Whatever can find something broken, by name: a planted mistake says which of these has to see it. */
import { CHECKER_RULES, type CheckerRule } from "../checker/check.ts";

/** Rules that the simulation's own parts hold as it runs, and the words that each of them tells a violation in. */
const OTHER_RULES = {
  "a failed sync is not tried again": /^disk: .* was synced again after writing it had failed/,
  "whole before it has its name": /^disk: .* became .* before it was synced/,
  "answers keep their order": /: the answer to request \d+ came, and that to /,
  "damaged batches are refused": /: a batch that was damaged on its way was taken/,
  "what is read is sound":
    /: the batch at \d+ is damaged|: an answer cannot be read|: Fetch answered |: the subscription failed|: following failed/,
  "producers are known": / is refused with \w+, though what it follows on was acknowledged/,
  "deleted stays deleted": / begins at -?\d+( again)?, though everything below /,
  "fates are told":
    / was never told what became of | to be told what became of | is delivered, and was never sent$/,
  "replicas read what they hold": /: the replica reads .*, and holds /,
  "replicas can follow": /: the replica of .* failed for good/,
  // What never happens, though half an hour of simulated time has passed since all was healed. That a seed takes too long on
  // this machine says nothing.
  "queued is delivered": / still waits after everything was healed: \d+ records to be delivered /,
  "readers get on":
    / still waits after everything was healed: .*( ends at \d+, it is at | of a replica| following a replica )/,
  "topics can be made": / still waits after everything was healed: topic .* to be (made|deleted)$/,
  "groups come together":
    / still waits after everything was healed: (members (that come back|to be in one generation)|a member that reads |.* to be committed at )/,
  "members are kept": / was thrown out, though it had been heard of /,
  "partitions come back": /^the gateway does not serve all of its partitions after /,
} as const;

export type Rule = CheckerRule | keyof typeof OTHER_RULES;

/** The rule that tells this violation; undefined: none, it is an exception, or a seed that had to be broken off. */
export function ruleThatTells(violation: string): Rule | undefined {
  const [line = ""] = violation.split("\n");
  const checkers = CHECKER_RULES.find((name) => line.startsWith(`${name}: `));
  if (checkers !== undefined) return checkers;
  const names = Object.keys(OTHER_RULES) as (keyof typeof OTHER_RULES)[];
  return names.find((name) => OTHER_RULES[name].test(line));
}
