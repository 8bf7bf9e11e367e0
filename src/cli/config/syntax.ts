/**
 * Syntax of a configuration file: sections `[NAME]` of lines `KEY = VALUE`.
 *
 * A line whose first character is `#` or `;` is a comment. White space around keys and values is not significant, nor
 * is the case of the names of sections and keys. A value ends with its line.
 */

/** Maximum size of a file, in bytes and in characters. */
export const MAX_FILE = 1 << 20;

/** A place in a file. Lines and columns start at 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** What is wrong with a file, and where. */
export interface Problem extends Position {
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A line `KEY = VALUE`, at the position of its key. */
export interface Entry extends Position {
  /** In lower case. */
  readonly key: string;
  readonly value: string;
  readonly valueColumn: number;
}

export interface Section extends Position {
  /** In lower case. */
  readonly name: string;
  /** As written. */
  readonly title: string;
  readonly entries: Entry[];
}

/** A parsed file. Lines with problems are not part of the sections. */
export interface ParsedFile {
  readonly sections: Section[];
  readonly problems: Problem[];
}

const SECTION = /^\[\s*([\w-]+)\s*\]$/;
const ENTRY = /^([\w-]+)(\s*=\s*)(.*)$/s;
// deno-lint-ignore no-control-regex
const CONTROL = /[\x00-\x08\x0a-\x1f\x7f]/;

/** Parses the text of a file. */
export function parseSyntax(text: string): ParsedFile {
  const sections: Section[] = [];
  const problems: Problem[] = [];
  if (text.length > MAX_FILE) {
    const message = `The file has more than ${MAX_FILE} characters`;
    return { sections, problems: [{ line: 1, column: 1, message }] };
  }
  for (const [index, whole] of lines(text).entries()) {
    const content = whole.trim();
    if (content === "" || /^[#;]/.test(content)) continue;
    const line = index + 1;
    const column = whole.length - whole.trimStart().length + 1;
    const refuse = (message: string, hint?: string, at = column) =>
      problems.push({ line, column: at, message, hint });
    const control = CONTROL.exec(whole);
    const section = SECTION.exec(content);
    const entry = ENTRY.exec(content);
    if (control) {
      refuse("A control character is not allowed", "", control.index + 1);
    } else if (section) {
      const title = section[1]!;
      const name = title.toLowerCase();
      sections.push({ name, title, line, column, entries: [] });
    } else if (content.startsWith("[")) {
      refuse(`Invalid section "${content}"`, "expected [NAME] on its own line");
    } else if (!entry) {
      refuse(`Invalid line "${content}"`, "expected KEY = VALUE or [SECTION]");
    } else {
      const [, key, equals, value] = entry;
      const valueColumn = column + key!.length + equals!.length;
      const current = sections.at(-1);
      if (!current) {
        refuse(`Key "${key}" is in no section`, "begin with [Interface]");
      } else if (value === "") {
        refuse(`Key "${key}" has no value`, undefined, valueColumn);
      } else {
        current.entries.push({
          ...{ line, column, valueColumn },
          key: key!.toLowerCase(),
          value: value!,
        });
      }
    }
  }
  return { sections, problems };
}

/** Returns the lines of a text without the byte order mark and the ends of lines. */
function lines(text: string): string[] {
  return text.replace(/^\ufeff/, "").split(/\r?\n/);
}
