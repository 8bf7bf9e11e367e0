/**
 * The one error class of the program.
 *
 * Every failure that a user can see carries a stable code to grep for, the errno that the kernel driver
 * would have returned (where there is one), and a hint that names the remedy. Messages start with a
 * capital, have no final period, and name the thing that failed.
 */

/** What an {@linkcode IpoibError} may carry beside its message. */
export interface IpoibErrorDetails {
  /** Positive errno value, as in `errno(3)`. */
  errno?: number;
  /** What the user can do about it: a clause without a final period. */
  hint?: string;
  cause?: unknown;
}

/**
 * A failure with a stable code.
 *
 * @example
 * ```ts
 * throw new IpoibError("E_TAP", "Cannot open /dev/net/tun", { errno: 2, hint: "load the tun module" });
 * ```
 */
export class IpoibError extends Error {
  override readonly name = "IpoibError";
  readonly code: string;
  readonly errno: number | undefined;
  readonly hint: string | undefined;

  constructor(code: string, message: string, details: IpoibErrorDetails = {}) {
    super(
      message,
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = code;
    this.errno = details.errno;
    this.hint = details.hint;
  }

  /** A plain record, fit for `postMessage` and JSON; {@linkcode IpoibError.from} reads it back. */
  toJSON(): SerializedError {
    return {
      code: this.code,
      message: this.message,
      ...(this.errno === undefined ? {} : { errno: this.errno }),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
    };
  }

  /** Makes an IpoibError of anything thrown or received; foreign errors get the code `E_INTERNAL`. */
  static from(error: unknown): IpoibError {
    if (error instanceof IpoibError) return error;
    if (isSerialized(error)) {
      const { errno, hint } = error;
      return new IpoibError(error.code, error.message, {
        ...(errno === undefined ? {} : { errno }),
        ...(hint === undefined ? {} : { hint }),
      });
    }
    const message = error instanceof Error ? error.message : String(error);
    return new IpoibError("E_INTERNAL", message, { cause: error });
  }
}

/** The form in which an error crosses a thread or a socket. */
export interface SerializedError {
  code: string;
  message: string;
  errno?: number;
  hint?: string;
}

function isSerialized(value: unknown): value is SerializedError {
  return typeof value === "object" && value !== null &&
    !(value instanceof Error) &&
    typeof (value as SerializedError).code === "string" &&
    typeof (value as SerializedError).message === "string";
}
