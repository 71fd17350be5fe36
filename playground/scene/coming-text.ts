/** The text of a bundled scene that is on its way: what is asked for meanwhile is about it. */
import { fetchText } from '../kernel/site.ts';

export class ComingText {
  private latest = 0;
  private coming: Promise<void> = Promise.resolve();

  /**
   * @param take gets the text, unless another is chosen, or something is written, meanwhile
   * @throws what fetching fails with, as long as it is wanted
   */
  bring(path: string, take: (text: string) => void | Promise<void>): Promise<void> {
    this.coming = this.load(path, ++this.latest, take);
    return this.coming;
  }

  private async load(
    path: string,
    mine: number,
    take: (text: string) => void | Promise<void>,
  ): Promise<void> {
    try {
      const text = await fetchText(path);
      if (mine === this.latest) await take(text);
    } catch (error) {
      if (mine === this.latest) throw error;
    }
  }

  /** What is on its way is not wanted any more. */
  abandon(): void {
    this.latest++;
  }

  /** Until it is there; who chose it is told when it cannot be had. */
  async settled(): Promise<void> {
    await this.coming.catch(() => {});
  }
}
