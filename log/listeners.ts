import type { Logger } from "./logger.ts";

/** Those who hear of one kind of news of a partition, at once and in order. */
export class Listeners<News> {
  private readonly directory: string;
  private readonly log: Logger;
  private readonly all = new Set<(news: News) => void>();

  constructor(directory: string, log: Logger) {
    this.directory = directory;
    this.log = log;
  }

  /** Answers how to stop. */
  add(listener: (news: News) => void): () => void {
    this.all.add(listener);
    return () => this.all.delete(listener);
  }

  tell(news: News): void {
    for (const listener of this.all) {
      try {
        listener(news);
      } catch (error) {
        // A listener's fault is not the log's: the batches are safe, and the others must hear of them.
        this.log.error(`a listener of ${this.directory} failed: ${String(error)}`);
      }
    }
  }
}
