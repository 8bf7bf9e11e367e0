/** Output that is held back until it may be printed. */
export class HeldOutput {
  readonly #say: (text: string) => void;
  #held: string | undefined = "";

  /** @param say prints text */
  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  /** Prints text, or holds it back until {@linkcode release}. */
  say(text: string): void {
    if (this.#held === undefined) this.#say(text);
    else this.#held += text;
  }

  /** Prints the text so far; text that follows is printed at once. */
  release(): void {
    const text = this.#held;
    this.#held = undefined;
    if (text) this.#say(text);
  }
}
