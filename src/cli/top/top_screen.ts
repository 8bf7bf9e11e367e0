/** The screen of `ipoib top`: samples at intervals, and keys between them. */

import { IpoibError } from "../../base/errors.ts";
import type { CliEnvironment, Terminal } from "../environment.ts";
import type { Palette } from "../render/style.ts";
import { RateBook, type Rated } from "./rates.ts";
import { type Scope, takeSample } from "./sample.ts";
import { highestScroll, screen } from "./screen.ts";
import { keysOf, press, type View } from "./view.ts";

const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";

export interface TopScreenOptions {
  readonly environment: CliEnvironment;
  readonly terminal: Terminal;
  readonly scope: Scope;
  readonly view: View;
  /** Number of samples after the first one, which has no rates, after which the screen ends; undefined for no end. */
  readonly iterations: number | undefined;
  readonly palette: Palette;
}

export class TopScreen {
  readonly #options: TopScreenOptions;
  readonly #book = new RateBook();
  readonly #ended = Promise.withResolvers<void>();
  #view: View;
  #rated: Rated | undefined;
  /** Why the last sample failed. */
  #message: string | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Number of samples until the end. */
  #left: number;
  /** True while a sample is taken. */
  #sampling = false;
  /** True once the terminal is restored: nothing is written any more, and no sample follows. */
  #over = false;

  constructor(options: TopScreenOptions) {
    this.#options = options;
    this.#view = options.view;
    this.#left = 1 + (options.iterations ?? Infinity);
  }

  /** Shows the screen until the user quits, a signal ends the process, or the terminal is closed. Restores the terminal. */
  async run(): Promise<void> {
    const { terminal, environment } = this.#options;
    try {
      terminal.onChange(() => this.#attempt(() => this.#draw()));
      void environment.endingSignal().then(() => this.#ended.resolve());
      void this.#readKeys();
      this.#draw();
      this.#startSample();
      await this.#ended.promise;
    } finally {
      this.#over = true;
      clearTimeout(this.#timer);
      terminal.close();
    }
  }

  async #readKeys(): Promise<void> {
    const { terminal } = this.#options;
    try {
      for (;;) {
        const text = await terminal.read();
        if (text === undefined) break;
        for (const key of keysOf(text)) this.#press(key);
      }
      this.#ended.resolve();
    } catch (error) {
      this.#ended.reject(error);
    }
  }

  #press(key: string): void {
    const before = this.#view;
    const most = highestScroll(this.#rated, this.#options.terminal.size);
    const [view, request] = press(before, key, most);
    this.#view = view;
    if (request === "quit") return this.#ended.resolve();
    if (request === "suspend") return this.#options.terminal.suspend();
    const resumed = before.paused && !view.paused;
    if (request === "sample" || resumed) {
      // Those of the former table.
      if (this.#rated && before.table !== view.table) {
        this.#rated = { ...this.#rated, rows: [] };
      }
      this.#startSample();
    } else if (before.seconds !== view.seconds) this.#schedule();
    this.#draw();
  }

  async #sample(): Promise<void> {
    if (this.#sampling) return;
    this.#sampling = true;
    clearTimeout(this.#timer);
    const { environment, scope } = this.#options;
    const { table } = this.#view;
    try {
      const sample = await takeSample(environment, scope, table);
      this.#message = undefined;
      const rated = this.#book.add(sample, table);
      if (table === this.#view.table) this.#rated = rated;
      if (--this.#left <= 0) this.#ended.resolve();
    } catch (error) {
      const { code, message } = IpoibError.from(error);
      // The user learns the remedy from the error, and waiting does not help.
      if (code === "E_IPC_PERMISSION") throw error;
      this.#message = message;
      this.#rated = undefined;
    } finally {
      this.#sampling = false;
    }
    this.#draw();
    if (this.#over) return;
    if (table === this.#view.table) this.#schedule();
    else this.#startSample();
  }

  /** Ends the screen with the error of `action`, so that the terminal is restored. */
  #attempt(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#ended.reject(error);
    }
  }

  #startSample(): void {
    this.#sample().catch((error) => this.#ended.reject(error));
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const { paused, seconds } = this.#view;
    if (paused) return;
    this.#timer = setTimeout(() => this.#startSample(), seconds * 1000);
  }

  #draw(): void {
    if (this.#over) return;
    const { terminal, palette } = this.#options;
    const lines = screen(this.#rated, this.#view, terminal.size, palette, {
      clock: new Date().toTimeString().slice(0, 8),
      message: this.#message,
    });
    // Without a newline after the last line, which would scroll the screen.
    terminal.write(
      HOME + lines.map((line) => line + CLEAR_LINE).join("\r\n") + CLEAR_BELOW,
    );
  }
}
