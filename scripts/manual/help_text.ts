/** Reads the layout of help texts: those of the topics (src/cli/topics.ts), and those after the help of a command. */

/** A part of a help text. */
export type Block =
  | { readonly kind: "paragraph"; readonly text: string }
  /** Terms with their descriptions. */
  | { readonly kind: "terms"; readonly terms: readonly Term[] }
  /** Lines that keep their layout. */
  | { readonly kind: "example"; readonly lines: readonly string[] };

export interface Term {
  readonly term: string;
  readonly text: string;
}

const EXAMPLE = /^ {2}[#$] /;
const TERM = /^ {2}(\S.*?)(?: {2,}(\S.*))?$/;
const CONTINUATION = /^ {3,}(\S.*)$/;

/** Splits a help text into blocks. */
export function blocksOf(text: string): Block[] {
  return text.split(/\n{2,}/).flatMap((part) => {
    const lines = part.split("\n").filter((line) => line.trim() !== "");
    return lines.length === 0 ? [] : partBlocks(lines);
  });
}

/** Returns the blocks of lines without an empty line. */
function partBlocks(lines: readonly string[]): Block[] {
  const at = lines.findIndex((line) => TERM.test(line));
  const paragraph = at < 0 ? lines : lines.slice(0, at);
  const blocks: Block[] = [];
  if (paragraph.length > 0) {
    blocks.push({ kind: "paragraph", text: paragraph.join(" ") });
  }
  if (at < 0) return blocks;
  const rest = lines.slice(at);
  blocks.push(
    EXAMPLE.test(rest[0]!)
      ? { kind: "example", lines: rest.map((line) => line.slice(2)) }
      : { kind: "terms", terms: termsOf(rest) },
  );
  return blocks;
}

function termsOf(lines: readonly string[]): Term[] {
  const terms: Term[] = [];
  for (const line of lines) {
    const more = CONTINUATION.exec(line)?.[1];
    const last = terms.at(-1);
    if (more !== undefined && last) {
      const text = last.text === "" ? more : `${last.text} ${more}`;
      terms[terms.length - 1] = { ...last, text };
      continue;
    }
    const [, term = line.trim(), text = ""] = TERM.exec(line) ?? [];
    terms.push({ term, text });
  }
  return terms;
}
