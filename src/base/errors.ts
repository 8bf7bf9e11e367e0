/**
 * The error class of the program.
 *
 * An error that a user can see has a stable code, and where applicable a hint that names the remedy and an errno: that
 * of the failed call, or the one that the kernel driver would return. Messages start with a capital letter, have no
 * final period, and name the object that failed.
 */

/** Optional properties of an {@linkcode IpoibError}. */
export interface IpoibErrorDetails {
  /** Positive errno value, as in `errno(3)`. */
  errno?: number;
  /** The remedy: a clause without a final period. */
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

  /**
   * Returns a plain object for `postMessage` and JSON, without the cause. {@linkcode IpoibError.from} restores the
   * error.
   */
  toJSON(): SerializedError {
    return {
      code: this.code,
      message: this.message,
      ...(this.errno === undefined ? {} : { errno: this.errno }),
      ...(this.hint === undefined ? {} : { hint: this.hint }),
    };
  }

  /**
   * Converts any thrown or received value to an IpoibError. A value that is neither an IpoibError nor a
   * {@linkcode SerializedError} gets the code `E_INTERNAL`.
   */
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

/** An error as sent between threads and over sockets. */
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
