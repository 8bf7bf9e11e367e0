/** Checks of the source text: rules that do not concern imports. */

import { moduleOf, OPENS_LIBRARIES, PURE } from "./rules.ts";

/** Methods of Uint8Array that the runtime of the oldest supported Deno lacks: a compiled program would fail there. */
const TOO_NEW = /\.(fromHex|toHex|fromBase64|toBase64)\(/;

/** Replaces comments with blanks. Strings and templates stay. */
export function withoutComments(source: string): string {
  const token =
    /"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  return source.replace(
    token,
    (text) => text.startsWith("/") ? text.replace(/[^\n]/g, " ") : text,
  );
}

/** Returns the violations in the text of a file, each as `path:line: rule`. */
export function textViolations(path: string, source: string): string[] {
  const module = moduleOf(path);
  if (module === undefined) return [];
  const found: string[] = [];
  withoutComments(source).split("\n").forEach((line, index) => {
    const at = `${path}:${index + 1}`;
    if (module !== OPENS_LIBRARIES && /\bDeno\s*\.\s*dlopen\b/.test(line)) {
      found.push(`${at}: only ${OPENS_LIBRARIES}/ may open libraries`);
    } else if (PURE.includes(module) && /\bDeno\s*\./.test(line)) {
      found.push(`${at}: ${module} is pure and may not use Deno`);
    }
    if (TOO_NEW.test(line)) {
      found.push(`${at}: Deno 2.4 lacks the hexadecimal methods of Uint8Array`);
    }
  });
  return found;
}
