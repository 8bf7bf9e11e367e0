/**
 * Emitter of man pages in the language mdoc(7), for groff(1) and mandoc(1).
 *
 * Font changes are escape sequences in the text rather than macros, so that punctuation stays where it is.
 */

import type { Block } from "./help_text.ts";

/** A word in capitals, which a user replaces: IF, P_KEY, or `<hca>` in the flags of an option. */
const PLACEHOLDER = /<[^>]+>|\b[A-Z][A-Z_]*[A-Z]\b|\b[A-Z]\b/g;
/** Longest line of source, for which mandoc has a rule. */
const MAX_COLUMNS = 78;
const CODE = /`([^`]+)`/g;
/** The beginning of a name such as create_child, which users copy. */
const NAME = /(?<!\w)(?=[a-z]+_\w)/g;
const PAGE = /\b([a-z][a-z0-9_.-]*)\((\d)\)/g;

/** Lines of a page, to which sections and lists are added. */
export class Mdoc {
  readonly #lines: string[] = [];

  /** Begins a page. `date` is in the form "November 30, 2026". */
  constructor(
    { name, section, summary, date }: {
      readonly name: string;
      readonly section: number;
      readonly summary: string;
      readonly date: string;
    },
  ) {
    this.#lines.push(
      `.Dd ${date}`,
      `.Dt ${name.toUpperCase()} ${section}`,
      ".Os",
      ".Sh NAME",
      `.Nm ${name}`,
      `.Nd ${summary}`,
    );
  }

  section(title: string): void {
    this.#lines.push(`.Sh ${title}`);
  }

  subsection(title: string): void {
    this.#lines.push(`.Ss ${escape(title)}`);
  }

  /** Adds the synopsis of a command in its own line: `ipoib link set [IF]`. */
  synopsis(program: string, usage: string): void {
    this.#lines.push(`.Nm ${program}`, line(syntax(usage)));
  }

  paragraph(text: string): void {
    this.#separate();
    this.text(text);
  }

  /** Adds text to the current paragraph. */
  text(text: string): void {
    this.#lines.push(line(prose(text)));
  }

  /** Adds a list; `fill` adds its items. */
  list(fill: () => void): void {
    this.#lines.push(".Bl -tag -width Ds");
    fill();
    this.#lines.push(".El");
  }

  /** Adds an item, whose term is the syntax of a command, an option or an argument. */
  item(term: string): void {
    this.#lines.push(`.It ${quote(syntax(term))}`);
  }

  blocks(blocks: readonly Block[]): void {
    for (const block of blocks) {
      if (block.kind === "paragraph") this.paragraph(block.text);
      else if (block.kind === "example") this.#example(block.lines);
      else {
        this.list(() => {
          for (const { term, text } of block.terms) {
            this.item(term);
            if (text !== "") this.text(text);
          }
        });
      }
    }
  }

  toString(): string {
    return `${this.#lines.join("\n")}\n`;
  }

  #example(lines: readonly string[]): void {
    this.#lines.push(
      ".Bd -literal -offset 2n",
      ...lines.map(escape),
      ".Ed",
    );
  }

  /** Begins a paragraph, except after a heading. */
  #separate(): void {
    if (!/^\.S[hs] /.test(this.#lines.at(-1) ?? "")) this.#lines.push(".Pp");
  }
}

/** Returns running text: code in bold, sentences on lines of their own. */
function prose(text: string): string {
  return escape(text)
    .replaceAll(CODE, (_, code: string) => `\\fB${code}\\fP`)
    .replaceAll(
      PAGE,
      (_, name: string, section: string) => `\\fB${name}\\fP(${section})`,
    )
    // Names are not hyphenated.
    .replaceAll(NAME, "\\%")
    .replaceAll(/([.:]) (?=[A-Z\\])/g, "$1\n");
}

/** Returns syntax: literal words in bold, placeholders in italics. */
function syntax(text: string): string {
  return escape(text).split(/([\s[\]|{},]+|\.{3})/).map((part, at) => {
    if (at % 2 === 1 || part === "") return part;
    const marked = part.replaceAll(
      PLACEHOLDER,
      (word) => `\\fP\\fI${word.replace(/^<(.*)>$/, "$1")}\\fP\\fB`,
    );
    return `\\fB${marked}\\fP`.replaceAll("\\fB\\fP", "");
  }).join("");
}

/** Escapes characters that roff interprets. Hyphens are those of options, which users copy. */
function escape(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}

/** Breaks text into lines, none of which is a request. */
function line(text: string): string {
  return text.split("\n").flatMap(broken)
    .map((each) => each.replace(/^(?=[.'])/, "\\&")).join("\n");
}

function broken(text: string): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > MAX_COLUMNS) {
    const before = rest.lastIndexOf(" ", MAX_COLUMNS);
    const at = before > 0 ? before : rest.indexOf(" ");
    if (at < 0) break;
    lines.push(rest.slice(0, at));
    rest = rest.slice(at + 1);
  }
  return [...lines, rest];
}

/** Quotes an argument of a macro. */
function quote(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
