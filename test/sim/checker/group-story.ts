/** All that was noted of groups: who was assigned what, and what was committed and told of each partition. */
import type {
  Assigned,
  CommitAnswered,
  CommitAsked,
  CommittedAsked,
  CommittedTold,
  Owned,
  PartitionName,
} from "../history.ts";
import type { Noted } from "./record-story.ts";
import { END } from "./record-story.ts";

export type GroupEvent = Assigned | Owned | CommitAsked | CommitAnswered | CommittedAsked | CommittedTold;

/** One offset that somebody wanted to commit. */
export class CommitStory {
  readonly asked: Noted<CommitAsked>;
  isRefused = false;
  isTaken = false;
  /** Where in the history it was certain to be committed: its answer, or a telling that can be of no other; END: never. */
  certainAt = END;

  constructor(asked: Noted<CommitAsked>) {
    this.asked = asked;
  }

  get offset(): bigint {
    return this.asked.event.offset;
  }
}

/** What one group was told of one partition. */
export interface Telling extends Noted<CommittedTold> {
  readonly askedAt: number;
}

/** What one group has committed of one partition. */
export interface Register extends PartitionName {
  readonly group: GroupStory;
  readonly commits: CommitStory[];
  readonly tellings: Telling[];
}

export class GroupStory {
  readonly groupId: string;
  readonly assigned: Noted<Assigned>[] = [];
  readonly owned: Owned[] = [];
  readonly registers = new Map<string, Register>();

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  /** Where in the history somebody was first known to be in a later generation, which outlives everything; END: nobody. */
  passedAt(generation: number): number {
    return this.assigned.find(({ event }) => event.generation > generation)?.at ?? END;
  }

  register({ topicId, partition }: PartitionName): Register {
    const key = `${topicId}/${partition}`;
    let register = this.registers.get(key);
    if (register === undefined) {
      register = { group: this, topicId, partition, commits: [], tellings: [] };
      this.registers.set(key, register);
    }
    return register;
  }
}

export class GroupStories {
  private readonly byId = new Map<string, GroupStory>();
  private readonly commits = new Map<string, CommitStory>();
  private readonly asks = new Map<string, number>();

  all(): Iterable<GroupStory> {
    return this.byId.values();
  }

  take(event: GroupEvent, at: number): void {
    switch (event.kind) {
      case "assigned":
        this.group(event.groupId).assigned.push({ event, at });
        return;
      case "owned":
        this.group(event.groupId).owned.push(event);
        return;
      case "commit asked": {
        const commit = new CommitStory({ event, at });
        this.commits.set(event.commit, commit);
        this.group(event.groupId).register(event).commits.push(commit);
        return;
      }
      case "commit taken":
      case "commit refused": {
        const commit = this.commits.get(event.commit);
        if (commit === undefined) throw new Error(`nobody asked for commit ${event.commit}`);
        if (event.kind === "commit refused") commit.isRefused = true;
        else {
          commit.isTaken = true;
          commit.certainAt = at;
        }
        return;
      }
      case "committed asked":
        this.asks.set(event.ask, at);
        return;
      case "committed told": {
        const askedAt = this.asks.get(event.ask);
        if (askedAt === undefined) throw new Error(`nobody asked what ${event.ask} was told`);
        this.group(event.groupId).register(event).tellings.push({ event, at, askedAt });
      }
    }
  }

  private group(groupId: string): GroupStory {
    let group = this.byId.get(groupId);
    if (group === undefined) this.byId.set(groupId, (group = new GroupStory(groupId)));
    return group;
  }
}
