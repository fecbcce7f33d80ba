/** Rules: what a group has committed stays committed, and is there to be read. */
import { type CommitStory, type Register, type Telling } from "./group-story.ts";
import type { Ledger } from "./ledger.ts";
import { END } from "./record-story.ts";
import { time } from "./words.ts";

/**
 * Whoever asks is told the last commit that was taken before, or one that was on its way meanwhile. One that was never
 * answered may have been taken until a later generation was there, but only once; who is told it knows that it was.
 */
export function* commitsStay(ledger: Ledger): Generator<string, void, void> {
  for (const group of ledger.groups.all())
    for (const register of group.registers.values())
      for (const telling of register.tellings) {
        const wrong = judge(ledger, register, telling);
        if (wrong !== undefined) yield wrong;
      }
}

function judge(ledger: Ledger, register: Register, telling: Telling): string | undefined {
  const { commits } = register;
  const { offset, atMs } = telling.event;
  const before = commits.filter(({ certainAt }) => certainAt < telling.askedAt);
  const told = `${nameOf(ledger, register)}: told ${offset ?? "nothing"} at ${time(atMs)}`;
  if (offset === undefined) {
    const [lost] = before.toReversed();
    const { deletionAsked } = ledger.partition(register).topic;
    if (lost === undefined || (deletionAsked !== undefined && deletionAsked.at < telling.at))
      return undefined;
    return `${told}, and ${words(lost)} was taken`;
  }
  const meant = commits.filter(
    (commit) => commit.offset === offset && !commit.isRefused && commit.asked.at < telling.at,
  );
  if (meant.length === 0) return `${told}, and nobody has committed that`;
  const overwritten = (commit: CommitStory): CommitStory | undefined =>
    before.find((later) => later !== commit && later.asked.at > overAt(register, commit));
  const possible = meant.filter((commit) => overwritten(commit) === undefined);
  const [only, other] = possible;
  if (only === undefined) {
    const [first] = meant;
    const later = first === undefined ? undefined : overwritten(first);
    return `${told}, and ${later === undefined ? "another" : words(later)} was taken after it`;
  }
  if (other === undefined) only.certainAt = Math.min(only.certainAt, telling.at);
  return undefined;
}

/** From where on in the history it cannot be committed any more, if it was not before. */
function overAt({ group }: Register, { asked, certainAt }: CommitStory): number {
  return certainAt < END ? certainAt : group.passedAt(asked.event.generation);
}

/** No committed offset is beyond the end of the log, at any time: where it begins again, nothing would be read but much later. */
export function* committedIsReadable(ledger: Ledger): Generator<string, void, void> {
  for (const group of ledger.groups.all())
    for (const register of group.registers.values()) {
      const { topic } = ledger.partition(register);
      for (const { event, at } of register.tellings) {
        const { offset, end } = event;
        if (offset === undefined || end === undefined || offset <= end) continue;
        if (topic.isRelaxed && ledger.hasLoss(0, at)) continue;
        yield `${nameOf(ledger, register)}: told ${offset} at ${time(event.atMs)}, and the log ends at ${end}`;
      }
    }
}

function nameOf(ledger: Ledger, register: Register): string {
  return `${register.group.groupId} on ${ledger.partition(register).name}`;
}

function words({ asked: { event } }: CommitStory): string {
  return `${event.offset}, committed by ${event.memberId} (generation ${event.generation}) at ${time(event.atMs)},`;
}
