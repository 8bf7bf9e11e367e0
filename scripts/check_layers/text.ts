/** What a file's text may name: the checks that imports cannot show. */

import { OPENS_LIBRARIES, PURE, roomOf } from "./rules.ts";

/** The text without comments; strings and templates stay. */
export function withoutComments(source: string): string {
  const token =
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(
    token,
    (text) => text.startsWith("/") ? text.replace(/[^\n]/g, " ") : text,
  );
}

/** What is wrong with the text of a file, each as `path:line: rule`. */
export function textViolations(path: string, source: string): string[] {
  const room = roomOf(path);
  if (room === undefined) return [];
  const found: string[] = [];
  withoutComments(source).split("\n").forEach((line, index) => {
    const at = `${path}:${index + 1}`;
    if (room !== OPENS_LIBRARIES && /\bDeno\s*\.\s*dlopen\b/.test(line)) {
      found.push(`${at}: only ${OPENS_LIBRARIES}/ opens libraries`);
    } else if (PURE.includes(room) && /\bDeno\s*\./.test(line)) {
      found.push(`${at}: ${room} is pure and may not use Deno`);
    }
  });
  return found;
}
