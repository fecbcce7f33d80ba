/**
 * Which topics the regular expressions of consumers match: RE2, as in Kafka, so that matching takes time that is linear. What an
 * expression matched is kept and shared between groups; a topic that comes later is matched alone.
 */
import { RE2JS, RE2JSException } from "re2js";
import type { Clock } from "../../log/clock.ts";
import type { Cluster } from "../../log/cluster.ts";
import { ErrorCode, KafkaError } from "../../wire/errors.ts";
import { PATTERN_SIZE_MAX, PATTERN_STEPS_AT_ONCE, PATTERNS_KEPT_MAX } from "./limits.ts";

interface Pattern {
  readonly compiled: RE2JS;
  readonly stepsPerCharacter: number;
  readonly matched: Set<string>;
  /** Names that it has not been held against yet. */
  readonly unseen: Set<string>;
}

export class TopicPatterns {
  /** How often topics have come or gone. */
  version = 0;
  private readonly cluster: Pick<Cluster, "topics" | "topic">;
  private readonly clock: Clock;
  /** In the order of their last use. */
  private readonly patterns = new Map<string, Pattern>();

  constructor(cluster: Pick<Cluster, "topics" | "topic">, clock: Clock) {
    this.cluster = cluster;
    this.clock = clock;
  }

  created(topic: string): void {
    this.version++;
    for (const { unseen } of this.patterns.values()) unseen.add(topic);
  }

  deleted(topic: string): void {
    this.version++;
    for (const { unseen, matched } of this.patterns.values()) {
      unseen.delete(topic);
      matched.delete(topic);
    }
  }

  /**
   * The topics that each of the expressions matches, when all have been held against every topic: a slice at a time, so that
   * others are served. Holds for `version` alone, and of more expressions than are remembered. Throws KafkaError
   * INVALID_REGULAR_EXPRESSION.
   */
  async ready(expressions: Iterable<string>): Promise<ReadonlyMap<string, readonly string[]>> {
    const found = new Map<string, readonly string[]>();
    for (const expression of expressions) {
      const isNew = !this.patterns.has(expression);
      const pattern = this.patternOf(expression);
      // To compile it may have taken long.
      if (isNew) await this.pause();
      while (!this.matchSlice(pattern)) await this.pause();
      found.set(expression, [...pattern.matched].toSorted());
    }
    return found;
  }

  /** The topics that an expression matches, in order; undefined while it has not seen them all. */
  topicsOf(expression: string): string[] | undefined {
    const pattern = this.patterns.get(expression);
    return pattern === undefined || pattern.unseen.size > 0 ? undefined : [...pattern.matched].toSorted();
  }

  private patternOf(expression: string): Pattern {
    let pattern = this.patterns.get(expression);
    if (pattern === undefined) {
      const compiled = compile(expression);
      const unseen = new Set(Array.from(this.cluster.topics(), ({ name }) => name));
      const stepsPerCharacter = Math.max(compiled.programSize(), 1);
      pattern = { compiled, stepsPerCharacter, matched: new Set(), unseen };
    }
    this.patterns.delete(expression);
    this.patterns.set(expression, pattern);
    const [oldest] = this.patterns.keys();
    if (this.patterns.size > PATTERNS_KEPT_MAX && oldest !== undefined) this.patterns.delete(oldest);
    return pattern;
  }

  /** Answers whether it has seen them all. */
  private matchSlice({ compiled, stepsPerCharacter, matched, unseen }: Pattern): boolean {
    let steps = 0;
    for (const topic of unseen) {
      if (steps > PATTERN_STEPS_AT_ONCE) return false;
      steps += topic.length * stepsPerCharacter;
      unseen.delete(topic);
      if (compiled.matches(topic)) matched.add(topic);
    }
    return true;
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(0, resolve));
  }
}

function compile(expression: string): RE2JS {
  const refuse = (why: string): KafkaError =>
    new KafkaError(
      ErrorCode.INVALID_REGULAR_EXPRESSION,
      `SubscribedTopicRegex \`${expression.slice(0, 100)}\` is not a valid regular expression: ${why}`,
    );
  if (unfoldedSize(expression) > PATTERN_SIZE_MAX)
    throw refuse(`with its repetitions it is longer than ${PATTERN_SIZE_MAX} characters`);
  try {
    return RE2JS.compile(expression);
  } catch (error) {
    if (error instanceof RE2JSException) throw refuse(error.message);
    throw error;
  }
}

/** How long an expression is at most when what it repeats by number is written out: as an engine compiles it. */
function unfoldedSize(expression: string): number {
  let size = expression.length;
  for (const [, least = "", most = ""] of expression.matchAll(/\{(\d{1,9})(?:,(\d{0,9}))?\}/g))
    size *= Math.max(Number(least), Number(most), 1);
  return size;
}
