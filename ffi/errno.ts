/**
 * This thread's errno, read before anything else can change it.
 *
 * Between a failed call and the first line of the next JavaScript function the runtime may do work of its own on
 * this thread: its locks read a file of /sys once in a process's life, which leaves ENOENT behind. So a guarded
 * function looks at errno in the same breath as at its result, and {@linkcode errno} tells what it saw. Functions
 * of the data path are not guarded (one wrapper for many would cost them their fast call): their callers read
 * {@linkcode errnoCell} themselves.
 */

let cell = new Int32Array(1);
let saved = 0;

/** Where this thread's errno is; called once, when the C library is opened. */
export function placeErrno(at: ArrayBuffer): void {
  cell = new Int32Array(at);
}

/** The place itself, for callers that read it right behind their call. */
export function errnoCell(): Int32Array {
  return cell;
}

/** What the last failed guarded call left, or else what stands there now. */
export function errno(): number {
  const value = saved !== 0 ? saved : cell[0]!;
  saved = 0;
  return value;
}

/** Forgets what a guarded call left: before calls of a library whose functions are not guarded. */
export function forgetErrno(): void {
  saved = 0;
}

// deno-lint-ignore no-explicit-any -- any function of a symbol table: its types are put back by the caller
type Callable = (...args: any[]) => any;

/** `fn` with errno kept when it fails (a negative result, or an address of all ones). */
export function guard(fn: Callable, parameters: number): Callable {
  // One shape for each number of parameters: no arrays, and no call between the result and the look at errno.
  switch (parameters) {
    case 0:
      return () => {
        const result = fn();
        if (result < 0) saved = cell[0]!;
        return result;
      };
    case 1:
      return (a) => {
        const result = fn(a);
        if (result < 0) saved = cell[0]!;
        return result;
      };
    case 2:
      return (a, b) => {
        const result = fn(a, b);
        if (result < 0) saved = cell[0]!;
        return result;
      };
    case 3:
      return (a, b, c) => {
        const result = fn(a, b, c);
        if (result < 0) saved = cell[0]!;
        return result;
      };
    case 4:
      return (a, b, c, d) => {
        const result = fn(a, b, c, d);
        if (result < 0) saved = cell[0]!;
        return result;
      };
    case 5:
      return (a, b, c, d, e) => {
        const result = fn(a, b, c, d, e);
        if (result < 0) saved = cell[0]!;
        return result;
      };
    default:
      return (a, b, c, d, e, f) => {
        const result = fn(a, b, c, d, e, f);
        if (result < 0 || result === 0xffffffffffffffffn) saved = cell[0]!;
        return result;
      };
  }
}
