/**
 * This thread's errno, read before anything else can change it.
 *
 * Between a failed call and the first line of the next JavaScript function the runtime may do work of its own on
 * this thread: its locks read a file of /sys once in a process's life, which leaves ENOENT behind. So a guarded
 * function looks at errno in the same breath as at its result, and {@linkcode errno} tells what it saw. Functions
 * of the data path are not guarded (one wrapper for many would cost them their fast call): their callers read
 * {@linkcode errnoCell} themselves. A function that returns its error as a positive value is no failure here.
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

// deno-lint-ignore no-explicit-any -- any function of a symbol table: its types are put back by the caller
type Callable = (...args: any[]) => any;

type Functions = Readonly<Record<string, { parameters: readonly unknown[] }>>;

/** The functions of a library, guarded but for those that are named. The C library must have been opened. */
export function guardLibrary<T extends object>(
  raw: T,
  functions: Functions,
  unguarded: ReadonlySet<string>,
): T {
  const guarded = Object.entries(functions).map(([name, { parameters }]) => {
    const fn = raw[name as keyof T] as Callable;
    return [name, unguarded.has(name) ? fn : guard(fn, parameters.length)];
  });
  return Object.fromEntries(guarded) as T;
}

/** `fn` with errno kept when it fails (a negative result, an address of zero or of all ones). */
export function guard(fn: Callable, parameters: number): Callable {
  // One shape for each number of parameters: no arrays, and no call between the result and the look at errno.
  switch (parameters) {
    case 0:
      return () => {
        const result = fn();
        if (result < 0 || result === 0n) saved = cell[0]!;
        return result;
      };
    case 1:
      return (a) => {
        const result = fn(a);
        if (result < 0 || result === 0n) saved = cell[0]!;
        return result;
      };
    case 2:
      return (a, b) => {
        const result = fn(a, b);
        if (result < 0 || result === 0n) saved = cell[0]!;
        return result;
      };
    case 3:
      return (a, b, c) => {
        const result = fn(a, b, c);
        if (result < 0 || result === 0n) saved = cell[0]!;
        return result;
      };
    case 4:
      return (a, b, c, d) => {
        const result = fn(a, b, c, d);
        if (result < 0 || result === 0n) saved = cell[0]!;
        return result;
      };
    case 5:
      return (a, b, c, d, e) => {
        const result = fn(a, b, c, d, e);
        if (result < 0 || result === 0n) saved = cell[0]!;
        return result;
      };
    default:
      return (a, b, c, d, e, f) => {
        const result = fn(a, b, c, d, e, f);
        if (
          result < 0 || result === 0n || result === 0xffffffffffffffffn
        ) saved = cell[0]!;
        return result;
      };
  }
}
