/**
 * Splits the text of a partitions.conf into statements and records the position of every word.
 *
 * ```
 * [Name][=PKey][,flag[=value]]... : [item[,item]...]... ;
 * item := port[=membership] | mgid=GID[,flag[=value]]... (to the end of the line)
 * ```
 *
 * `#` begins a comment. The head of a statement, up to the colon, must be on one line. The items may span several
 * lines, with or without a comma at the end of a line. `;` or the end of the file ends the statement. (As in OpenSM's
 * osm_prtn_config.c.)
 */

import { Errno } from "../../base/errno.ts";
import { IpoibError } from "../../base/errors.ts";

/** A position in the file; line and column count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** `name` or `name=value`, without surrounding white space. */
export interface Word extends Place {
  readonly name: string;
  readonly value?: string;
}

/** A port, or a group with its flags. */
export type Item =
  | { readonly kind: "port"; readonly word: Word }
  | {
    readonly kind: "group";
    readonly word: Word;
    readonly flags: readonly Word[];
  };

/** One partition definition, up to its semicolon. */
export interface Statement {
  /** Name and P_Key. */
  readonly head: Word;
  readonly flags: readonly Word[];
  readonly items: Item[];
}

/** Returns the error for a syntax error at a position: `FILE:LINE:COLUMN: MESSAGE: expected EXPECTED`. */
export function confError(
  file: string,
  { line, column }: Place,
  message: string,
  expected: string,
): IpoibError {
  return new IpoibError(
    "E_PARTITIONS_CONF",
    `${file}:${line}:${column}: ${message}: expected ${expected}`,
    {
      errno: Errno.EINVAL,
      hint: "correct the file; none of its definitions takes effect",
    },
  );
}

/**
 * Parses the statements of a file.
 *
 * @param file the file's name, for messages.
 * @throws IpoibError `E_PARTITIONS_CONF` (EINVAL) if a statement has no colon or the file has no statement.
 */
export function readStatements(text: string, file: string): Statement[] {
  const statements: Statement[] = [];
  let open: Statement | undefined;
  text.split("\n").forEach((whole, index) => {
    const line = index + 1;
    let rest = whole.replace(/#.*$/, "");
    let column = 1;
    while (rest.trim() !== "") {
      const end = rest.indexOf(";");
      const segment = end < 0 ? rest : rest.slice(0, end);
      if (open === undefined) {
        open = readHead(segment, file, { line, column });
        statements.push(open);
        const items = segment.indexOf(":") + 1;
        readItems(segment.slice(items), open, { line, column: column + items });
      } else {
        readItems(segment, open, { line, column });
      }
      if (end < 0) break;
      open = undefined;
      rest = rest.slice(end + 1);
      column += end + 1;
    }
  });
  if (statements.length === 0) {
    throw confError(
      file,
      { line: 1, column: 1 },
      "The file defines no partition",
      "a definition such as `Default=0x7fff, ipoib : ALL=full ;`",
    );
  }
  return statements;
}

function readHead(segment: string, file: string, at: Place): Statement {
  const colon = segment.indexOf(":");
  if (colon < 0) {
    const length = segment.trimEnd().length || segment.length;
    throw confError(
      file,
      { line: at.line, column: at.column + length },
      "The definition has no ports",
      "`:` after the name and the flags, on the same line",
    );
  }
  const [head, ...flags] = readWords(segment.slice(0, colon), at);
  return { head: head!, flags, items: [] };
}

function readItems(segment: string, statement: Statement, at: Place): void {
  const words = readWords(segment, at);
  const group = words.findIndex(({ name }) => name === "mgid");
  const ports = group < 0 ? words : words.slice(0, group);
  for (const word of ports) statement.items.push({ kind: "port", word });
  if (group < 0) return;
  statement.items.push({
    kind: "group",
    word: words[group]!,
    flags: words.slice(group + 1),
  });
}

/** Splits a segment at its commas. */
function readWords(text: string, { line, column }: Place): Word[] {
  const words: Word[] = [];
  let offset = 0;
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    const name = equals < 0 ? part : part.slice(0, equals);
    const leading = part.length - part.trimStart().length;
    words.push({
      line,
      column: column + offset + leading,
      name: name.trim(),
      ...(equals < 0 ? {} : { value: part.slice(equals + 1).trim() }),
    });
    offset += part.length + 1;
  }
  return words;
}
