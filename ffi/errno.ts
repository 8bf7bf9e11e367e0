/**
 * This thread's errno, saved before another system call can change it.
 *
 * Between a failed call and the code that reads errno, the runtime may make system calls of its own on this thread: its
 * locks read a file of /sys once per process, which leaves ENOENT in errno. A guarded function therefore saves errno
 * right after the call, and {@linkcode errno} returns the saved value. Functions of the data path are not guarded,
 * because V8 makes no fast call from a wrapper shared by many functions; their callers read {@linkcode errnoCell}
 * themselves. A function that returns a positive error number does not count as failed.
 */

let cell = new Int32Array(1);
let saved = 0;

/** Sets the memory that holds this thread's errno. Called once, when the C library is opened. */
export function setErrnoCell(memory: ArrayBuffer): void {
  cell = new Int32Array(memory);
}

/** Returns the errno variable itself, for callers that read it right after a call. */
export function errnoCell(): Int32Array {
  return cell;
}

/** Returns and clears the errno saved by the last failed guarded call; if none is saved, returns the current errno. */
export function errno(): number {
  const value = saved !== 0 ? saved : cell[0]!;
  saved = 0;
  return value;
}

// deno-lint-ignore no-explicit-any -- any function of a symbol table: the caller restores its types
type Callable = (...args: any[]) => any;

type Functions = Readonly<Record<string, { parameters: readonly unknown[] }>>;

/** Guards all functions of a library except `unguarded`. The C library must be opened before the first call. */
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

/**
 * Wraps `fn`, which has at most six parameters, to save errno when it fails. A result is a failure if it is negative or
 * the address 0, and with six parameters also if it is the address with all bits set (MAP_FAILED).
 */
export function guard(fn: Callable, parameters: number): Callable {
  // One closure per parameter count: no argument arrays, and no call between the result and the read of errno.
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
