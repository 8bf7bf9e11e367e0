/**
 * Edits a C source file of the Linux kernel. Locates functions, structs, variables, enumerators and macros by name, and
 * texts inside them.
 *
 * The file must have the kernel's style: a definition and its closing brace begin at the start of a line. The methods
 * throw an Error with the names of file and place if a place does not occur exactly once.
 */

/** Offsets in a text. */
interface Range {
  readonly start: number;
  readonly end: number;
}

/** A part of a file in which texts can be replaced. Each text must occur once in the part. */
export interface Part {
  replace(text: string, by: string): Part;
  before(text: string, insertion: string): Part;
  after(text: string, insertion: string): Part;
  /** Replaces `text` and everything up to the next `end`, which stays. */
  replaceUpTo(text: string, end: string, by: string): Part;
  /** Inserts lines before the closing brace of the part. */
  append(lines: string): Part;
}

export class CSource {
  readonly name: string;
  #text: string;

  /** @param name name of the file in error messages */
  constructor(name: string, text: string) {
    this.name = name;
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }

  /** Returns the whole file. */
  get all(): Part {
    return this.#part("the file", () => ({ start: 0, end: this.#text.length }));
  }

  /** Returns the definition of a function. */
  function(name: string): Part {
    return this.#part(`function ${name}`, () => this.#functionRange(name));
  }

  /** Returns the definition of a struct. */
  struct(name: string): Part {
    const head = new RegExp(`^struct ${name} \\{$`, "gm");
    return this.#part(`struct ${name}`, () => this.#blockRange(head, name));
  }

  /** Returns the definition of a variable with an initializer in braces. */
  variable(name: string): Part {
    const head = new RegExp(`^\\w.*\\b${name}(?:\\[\\])? = \\{$`, "gm");
    return this.#part(`variable ${name}`, () => this.#blockRange(head, name));
  }

  /** Changes the value of an enumerator. */
  setEnumerator(name: string, value: string): void {
    this.#setValue(`enumerator ${name}`, `^(\\s+${name}\\s*= )[^,\\n]+,`, [
      value,
      ",",
    ]);
  }

  /** Changes the value of a macro of one line. */
  setMacro(name: string, value: string): void {
    this.#setValue(`macro ${name}`, `^(#define ${name}\\s+).*$`, [value]);
  }

  /** Replaces the body of a function. `body` has no braces. */
  setBody(name: string, body: string): void {
    const { start, end } = this.#functionRange(name);
    const open = this.#text.indexOf("\n{\n", start);
    this.#splice({ start: open, end }, `\n{\n${body}}\n`);
  }

  /** Makes a static function visible to other files. */
  export(name: string): void {
    this.function(name).replace("static ", "");
  }

  /** Removes a function, the comment before it and the empty line after it. */
  dropFunction(name: string): void {
    const { start, end: lineEnd } = this.#functionRange(name);
    const end = lineEnd + (this.#text[lineEnd] === "\n" ? 1 : 0);
    const before = this.#text.slice(0, start);
    const comment = before.endsWith("*/\n") ? before.lastIndexOf("\n/*") : -1;
    this.#splice({ start: comment < 0 ? start : comment + 1, end }, "");
  }

  /** Removes everything from the definition of function `first` up to the definition of function `next`. */
  dropFunctions(first: string, next: string): void {
    const { start } = this.#functionRange(first);
    const { start: end } = this.#functionRange(next);
    if (end < start) throw this.#error(`${next} precedes ${first}`);
    this.#splice({ start, end }, "");
  }

  #part(title: string, range: () => Range): Part {
    const find = (text: string): Range => {
      const { start, end } = range();
      const at = this.#once(text, title, start, end);
      return { start: at, end: at + text.length };
    };
    const part: Part = {
      replace: (text, by) => {
        this.#splice(find(text), by);
        return part;
      },
      before: (text, insertion) => part.replace(text, insertion + text),
      after: (text, insertion) => part.replace(text, text + insertion),
      replaceUpTo: (text, endText, by) => {
        const { start } = find(text);
        const end = this.#text.indexOf(endText, start + text.length);
        if (end < 0 || end > range().end) {
          throw this.#error(`${title} has no "${endText}" after "${text}"`);
        }
        this.#splice({ start, end }, by);
        return part;
      },
      append: (lines) => {
        const at = this.#text.lastIndexOf("}", range().end - 1);
        this.#splice({ start: at, end: at }, lines);
        return part;
      },
    };
    return part;
  }

  /** Returns the range from the line of the name to the line of the closing brace. */
  #functionRange(name: string): Range {
    const head = new RegExp(`^\\w[^;{}=]*\\b${name}\\([^;{}]*\\)\\n\\{$`, "gm");
    return this.#blockRange(head, `function ${name}`);
  }

  #blockRange(head: RegExp, title: string): Range {
    const heads = [...this.#text.matchAll(head)];
    if (heads.length !== 1) {
      throw this.#error(`${title} occurs ${heads.length} times`);
    }
    // The match of the head may begin with a comment.
    const [{ index, 0: text }] = heads as [RegExpExecArray];
    const close = this.#text.indexOf("\n}", index + text.length - 1);
    const lineEnd = close < 0 ? -1 : this.#text.indexOf("\n", close + 1);
    if (lineEnd < 0) throw this.#error(`${title} has no end`);
    return { start: index, end: lineEnd + 1 };
  }

  #once(text: string, title: string, start: number, end: number): number {
    const at = this.#text.indexOf(text, start);
    if (at < 0 || at + text.length > end) {
      throw this.#error(`${title} has no "${text}"`);
    }
    const again = this.#text.indexOf(text, at + 1);
    if (again >= 0 && again + text.length <= end) {
      throw this.#error(`${title} has "${text}" more than once`);
    }
    return at;
  }

  #setValue(title: string, pattern: string, value: readonly string[]): void {
    const found = [...this.#text.matchAll(new RegExp(pattern, "gm"))];
    if (found.length !== 1) {
      throw this.#error(`${title} occurs ${found.length} times`);
    }
    const [{ index, 0: text, 1: head }] = found as [RegExpExecArray];
    this.#splice(
      { start: index, end: index + text.length },
      head + value.join(""),
    );
  }

  #splice({ start, end }: Range, text: string): void {
    this.#text = this.#text.slice(0, start) + text + this.#text.slice(end);
  }

  #error(what: string): Error {
    return new Error(`Cannot edit ${this.name}: ${what}`);
  }
}
